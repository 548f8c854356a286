// A guest under KVM among others on the same machine: what its threads may do, what it leaves
// behind, what it can do to a terminal, and what is said when there is no room for it.
#include "kvm/clone.hpp"
#include "kvm/exit_stop.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <pty.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <thread>

namespace confined_run_test {

using namespace twofold::test;
namespace fs = std::filesystem;
namespace kvm = twofold::vmm::kvm;

namespace {

/// Prints 'x' and a newline, then never ends.
constexpr std::initializer_list<unsigned> greet_and_stay{0xba, 0xf8, 3,    0,    0,    0xb0, 'x',
                                                         0xee, 0xb0, '\n', 0xee, 0xeb, 0xfe};

/// Waits, at most 20 s, until `condition` holds.
bool wait_for(auto&& condition) {
    for (int i = 0; i < 4000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return false;
}

std::string field(fs::path const& status, std::string const& name) {
    std::istringstream text{contents_of(status)};
    for (std::string line; std::getline(text, line);)
        if (line.starts_with(name + ":")) return line.substr(line.find('\t') + 1);
    return {};
}

std::vector<pid_t> children_of(pid_t process) {
    auto const task = std::to_string(process);
    std::istringstream text{contents_of("/proc/" + task + "/task/" + task + "/children")};
    return {std::istream_iterator<pid_t>{text}, {}};
}

std::vector<std::string> run_words(std::string const& kernel,
                                   std::vector<std::string> const& options = {}) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run",      kernel, "--engine",
                                   "kvm",           "--memory", "8M"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
}

} // namespace

TEST_CASE("the threads of guests are confined before their first instruction") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    BackgroundCommand const running{
        {run_words(small_kernel(directory, greet_and_stay), {"--clones", "1"})}};
    REQUIRE(wait_for([&] {
        auto const out = running.out();
        return out.find("[0] x") != out.npos && out.find("[1] x") != out.npos;
    }));
    unsigned confined = 0;
    auto const tasks = "/proc/" + std::to_string(running.pid()) + "/task";
    for (auto const& task : fs::directory_iterator{tasks}) {
        auto const status = task.path() / "status";
        // The one that writes results; how this test's own process is confined is not known here.
        if (task.path().filename() == std::to_string(running.pid())) continue;
        // KVM's own workers count as threads of the process.
        if (field(status, "Name").starts_with("kvm-")) continue;
        ++confined;
        CHECK(field(status, "Seccomp") == "2");
        CHECK(field(status, "NoNewPrivs") == "1");
        for (auto const* const set : {"CapEff", "CapPrm", "CapInh"})
            CHECK(field(status, set) == "0000000000000000");
    }
    CHECK(confined == 2);
}

TEST_CASE("a signal ends all guests of a run, and leaves no process and no file") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const kernel = small_kernel(directory, greet_and_stay);
    for (int const number : {SIGINT, SIGTERM, SIGHUP}) {
        TemporaryDirectory const temporary;
        auto words = run_words(kernel, {"--clones", "2", "--clones-as", "processes"});
        if (number == SIGTERM)
            words = run_words(kernel,
                              {"--lazy-by", "userfault", "--frames-limit", "2M", "--swap", "8M"});
        BackgroundCommand running{
            {.words = words, .environment = {{"TMPDIR", temporary.path().string()}}}};
        REQUIRE(wait_for([&] { return running.out().find("x\n") != std::string::npos; }));
        auto const children = children_of(running.pid());
        CHECK(children.size() == (number == SIGTERM ? 0 : 2));
        REQUIRE(kill(running.pid(), number) == 0);
        CHECK(running.wait().status == 128 + number);
        for (pid_t const child : children)
            CHECK(wait_for([&] { return kill(child, 0) != 0; }));
        CHECK(fs::is_empty(temporary.path()));
    }
}

TEST_CASE("a run that is killed takes its clones' processes with it") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    BackgroundCommand running{{run_words(small_kernel(directory, greet_and_stay),
                                         {"--clones", "2", "--clones-as", "processes"})}};
    REQUIRE(wait_for([&] { return running.out().find("[2] x\n") != std::string::npos; }));
    auto const children = children_of(running.pid());
    REQUIRE(children.size() == 2);
    REQUIRE(kill(running.pid(), SIGKILL) == 0);
    (void)running.wait();
    for (pid_t const child : children)
        CHECK(wait_for([&] { return kill(child, 0) != 0; }));
}

TEST_CASE("a terminal is after an interrupted run as it was before") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    int terminal = -1;
    int ours = -1;
    std::array<char, 128> name{};
    REQUIRE(openpty(&ours, &terminal, name.data(), nullptr, nullptr) == 0);
    termios before{};
    REQUIRE(tcgetattr(terminal, &before) == 0);
    BackgroundCommand running{
        {.words = run_words(small_kernel(directory, greet_and_stay)), .output_file = name.data()}};
    std::string shown;
    std::array<char, 256> bytes{};
    while (shown.find('x') == std::string::npos) {
        auto const got = read(ours, bytes.data(), bytes.size());
        REQUIRE(got > 0);
        shown.append(bytes.data(), static_cast<std::size_t>(got));
    }
    REQUIRE(kill(running.pid(), SIGINT) == 0);
    CHECK(running.wait().status == 128 + SIGINT);
    termios after{};
    REQUIRE(tcgetattr(terminal, &after) == 0);
    CHECK(before.c_iflag == after.c_iflag);
    CHECK(before.c_oflag == after.c_oflag);
    CHECK(before.c_lflag == after.c_lflag);
    CHECK(shown.find('\x1b') == std::string::npos);
    close(ours);
    close(terminal);
}

TEST_CASE("a guest's console reaches a terminal as text, unless it is to be raw") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const kernel = small_kernel(
        directory, {0xba, 0xf8, 3, 0, 0, 0xb0, 0x1b, 0xee, 0xb0, ']', 0xee, 0xb0, 7, 0xee});
    CHECK(run_command({run_words(kernel, {"--quiet"})}).out == "\\x1b]\\x07");
    CHECK(run_command({run_words(kernel, {"--quiet", "--raw"})}).out == "\x1b]\x07");
    for (auto const* const as : {"threads", "processes"}) {
        auto const several =
            run_command({run_words(kernel, {"--quiet", "--clones", "1", "--clones-as", as})});
        CHECK(several.out.find('\x1b') == std::string::npos);
        CHECK(holds(several.out, {"[0] \\x1b]\\x07\n", "[1] \\x1b]\\x07\n"}));
    }
}

TEST_CASE("memory that this machine does not have is refused before a guest runs") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const kernel = small_kernel(directory, {});
    auto const with_memory = [&](std::string const& size, std::string const& populate) {
        auto const result = run_command({{TWOFOLD_COMMAND, "run", kernel, "--engine", "kvm",
                                          "--memory", size, "--populate", populate}});
        CHECK(result.status != 0);
        return result.err;
    };
    CHECK(holds(with_memory("9T", "lazy"), {"--memory", "8388607 MiB", "2^31 - 1 pages"}));
    CHECK(holds(with_memory("4T", "eager"), {"memory"}));
}

TEST_CASE("a template for which there is no room is an error, and no clone runs") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const result =
        run_command({{"/bin/sh", "-c", "ulimit -f 8; exec \"$@\"", "sh", TWOFOLD_COMMAND, "run",
                      small_kernel(directory, greet_and_stay), "--engine", "kvm", "--memory", "8M",
                      "--clones", "2"}});
    CHECK(result.status == 1);
    CHECK(result.out.empty());
    CHECK(holds(result.err, {"can't make a file in memory for a template", "File too large"}));
}

TEST_CASE("state that a processor does not take is refused when it is set, or ends the guest") {
    if (without_kvm()) return;
    kvm::Device const device;
    kvm::EmptyMachine machine{device, device.supported_cpuid()};
    auto ram = kvm::GuestRam::zeroed(std::uint64_t{1} << 20, twofold::page_4k);
    machine.machine.set_slot(0, twofold::Gpa{}, ram.bytes());
    auto& processor = machine.processors.front();
    auto special = processor.special_registers();
    // Long mode without the paging that it needs: the manual's "Checks on the Guest State Area".
    special.efer |= 1 << 10;
    special.cr0 &= ~(std::uint64_t{1} << 31);
    special.cs.l = 1;
    special.cs.db = 1;
    auto const refused = failure_of([&] {
        processor.set_special_registers(special);
        return 0;
    });
    if (!refused.empty()) {
        CHECK(holds(refused, {"KVM_SET_SREGS", "Invalid argument"}));
        return;
    }
    REQUIRE(processor.enter() == 0);
    auto const stop = kvm::stop_of_exit(processor.shared());
    REQUIRE(stop.has_value());
    CHECK((stop->reason == "entry_failure" || stop->reason == "triple_fault" ||
           stop->reason == "unknown_exit"));
}

} // namespace confined_run_test
