// Clones under KVM, by the launch and by the guest itself, and guests that are put back to their
// template and run again.
#include "kvm/clone_process.hpp"
#include "kvm/empty_machine.hpp"
#include "kvm/errands.hpp"
#include "kvm/guest_console.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/guest_run.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

namespace kvm_clones_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

nlohmann::json run_kvm(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, {"--engine", "kvm", "--memory", "8M"});
    return run_guests(arguments);
}

CommandResult twofold_command(std::vector<std::string> words) {
    words.insert(words.begin(), TWOFOLD_COMMAND);
    return run_command({words});
}

} // namespace

TEST_CASE("guests that do not end by themselves are told by their numbers when it is quiet") {
    if (without_kvm()) return;
    auto const told = [](std::vector<std::string> words) {
        words.insert(words.begin(), {"run", "hostile", "--engine", "kvm", "--memory", "8M"});
        words.insert(words.end(), {"--quiet", "--", "triple-fault"});
        auto const result = twofold_command(words);
        CHECK(result.status == 1);
        return result.err;
    };
    CHECK(
        holds(told({"--clones", "1"}), {"[0] hostile: triple fault", "[1] hostile: triple fault"}));
    CHECK(told({}).starts_with("hostile: triple fault")); // there is but one
}

TEST_CASE("under KVM clones of a launch run the whole guest, in one process or in several") {
    if (without_kvm()) return;
    for (std::string const as : {"threads", "processes"}) {
        auto const run = run_kvm({"hello", "--clones", "3", "--clones-as", as});
        INFO(as << run.dump());
        CHECK(run["failure"].is_null());
        REQUIRE(run["guests"].size() == 4);
        for (std::size_t i = 0; i < 4; ++i) {
            auto const& guest = run["guests"][i];
            CHECK(guest["stop"]["reason"] == "exit");
            CHECK(guest["start"].contains("cloned_from") == (i != 0));
            // What each wrote is its own, and not all that it has.
            CHECK(guest["stop"]["frames"]["memory"].get<unsigned>() > 0);
            CHECK(guest["stop"]["frames"]["shared"].get<unsigned>() > 0);
            auto const line = "[" + std::to_string(i) + "] hello from hello";
            CHECK(std::ranges::count(sorted_lines(run), line) == 1);
        }
    }
}

TEST_CASE("a guest that clones itself under KVM says the same as under the hypervisor") {
    if (without_kvm()) return;
    std::vector<std::string> const guest{"clone", "--", "--depth", "2", "--number", "2"};
    auto const kvm = run_kvm({"clone", "--", "--depth", "2", "--number", "2"});
    auto const bochs = run_guests(guest);
    CHECK(kvm["failure"].is_null());
    REQUIRE(kvm["guests"].size() == 1 + 2 + 4);
    // Numbers are given in the order of the calls, which is not the same: one processor there.
    auto const without_numbers = [](std::vector<std::string> lines) {
        for (auto& line : lines)
            line = line.substr(line.find(", "));
        std::ranges::sort(lines);
        return lines;
    };
    CHECK(without_numbers(sorted_lines(kvm)) == without_numbers(sorted_lines(bochs)));
    for (auto const& one : kvm["guests"]) {
        INFO(one.dump());
        CHECK(one["stop"]["code"] == 0);
        CHECK(one["start"].contains("cloned_from") == (one["guest"] != 0));
    }
}

TEST_CASE("a guest that is put back runs again as if it had never run, and its pages are counted") {
    if (without_kvm()) return;
    std::string const line = "hello from hello\n";
    for (std::string const lazy_by : {"kernel", "userfault"}) {
        auto const run = run_kvm({"hello", "--repeat", "5", "--lazy-by", lazy_by});
        INFO(run.dump());
        CHECK(run["failure"].is_null());
        auto const console = run["console"].get<std::string>();
        std::size_t greetings = 0;
        for (auto at = console.find(line); at != std::string::npos; at = console.find(line, at + 1))
            ++greetings;
        CHECK(greetings == 5);
        auto const& stop = run["guests"][0]["stop"];
        CHECK(stop["resets"]["resets"] == 4);
        CHECK(stop["resets"]["pages"].get<unsigned>() % 4 == 0);
        CHECK(stop["resets"]["pages"].get<unsigned>() > 0);
    }
}

TEST_CASE("what a guest wrote to its memory is gone when it runs again, in every clone") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const kernel = small_kernel(directory, {0xeb, 1,    '0',                 // jmp; a digit
                                                 0xfe, 4,    0x25, 2, 0, 0x40, 0, // inc [0x400002]
                                                 0x8a, 4,    0x25, 2, 0, 0x40, 0, // mov al, [it]
                                                 0xba, 0xf8, 3,    0, 0, 0xee,    // out 0x3f8, al
                                                 0xb0, 10,   0xee});              // a newline
    for (std::string const lazy_by : {"kernel", "userfault"}) {
        auto const run = run_kvm({kernel, "--repeat", "3", "--clones", "1", "--lazy-by", lazy_by});
        std::vector<std::string> const expected{"[0] 1", "[0] 1", "[0] 1",
                                                "[1] 1", "[1] 1", "[1] 1"};
        CHECK(sorted_lines(run) == expected);
    }
}

TEST_CASE("a guest that fails is not run again, and the limit of time is that of all runs") {
    if (without_kvm()) return;
    auto const failed =
        twofold_command({"run", "hello", "--engine", "kvm", "--repeat", "9", "--", "--exit", "3"});
    CHECK(failed.status == 3);
    CHECK(failed.err.find("resets") == std::string::npos);
    auto const endless = run_kvm({"hello", "--repeat", "100000000", "--timeout", "0.3"});
    CHECK(endless["guests"][0]["stop"]["reason"] == "time_limit");
    CHECK(endless["guests"][0]["stop"]["resets"]["resets"].get<unsigned>() > 1);
}

TEST_CASE("several processors are all put back, and wake each other again") {
    if (without_kvm()) return;
    auto const run = run_kvm({"board", "--cpus", "2", "--repeat", "3"});
    INFO(run.dump());
    CHECK(run["exit_status"] == 0);
    CHECK(run["guests"][0]["stop"]["resets"]["resets"] == 2);
}

TEST_CASE("a snapshot is gone on from by several guests at once, several times each") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const file = directory.file("s.snap").string();
    REQUIRE(twofold_command(
                {"snapshot", "save", file, "walk", "--after-exits", "1", "--memory", "8M", "-q"})
                .status == 0);
    auto const once = twofold_command({"snapshot", "restore", file, "--quiet"});
    REQUIRE(std::ranges::count(once.out, '\n') > 0);
    for (std::string const as : {"threads", "processes"}) {
        auto const all = twofold_command(
            {"snapshot", "restore", file, "--clones", "2", "--clones-as", as, "--repeat", "2"});
        INFO(all.err);
        CHECK(all.status == 0);
        CHECK(std::ranges::count(all.out, '\n') == 6 * std::ranges::count(once.out, '\n'));
        CHECK(holds(all.err, {"[2] walk: exit 0", "cloned from guest 0", "pages put back"}));
    }
}

TEST_CASE("machines of a pool make the same clones, and new ones come when it is empty") {
    if (without_kvm()) return;
    kvm::Device const device;
    auto const cpuid = device.supported_cpuid();
    unsigned made = 0;
    kvm::MachinePool pool{[&] {
                              ++made;
                              return kvm::EmptyMachine{device, cpuid};
                          },
                          2};
    CHECK(made == 2);
    (void)pool.take();
    (void)pool.take();
    CHECK(made == 2);
    (void)pool.take();
    CHECK(made == 3);
    auto const run = run_kvm({"clone", "--clones", "2", "--pool", "3"});
    CHECK(run["exit_status"] == 0);
    CHECK(run["guests"].size() == 3 * 3);
}

TEST_CASE("a clone's process that is killed ends that guest, and no other") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    BackgroundCommand running{{{TWOFOLD_COMMAND, "run", small_kernel(directory, {0xeb, 0xfe}),
                                "--engine", "kvm", "--memory", "8M", "--clones", "2", "--clones-as",
                                "processes", "--timeout", "2", "--json", "-"}}};
    auto const children = [&] {
        auto const task = std::to_string(running.pid());
        std::istringstream text{contents_of("/proc/" + task + "/task/" + task + "/children")};
        return std::vector<int>{std::istream_iterator<int>{text}, {}};
    };
    for (int waits = 0; waits < 10'000 && children().size() < 2; ++waits)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    REQUIRE(children().size() == 2);
    kill(children().front(), SIGKILL);
    auto const result = running.wait();
    auto const json = nlohmann::json::parse(result.out);
    CHECK(result.status == 1);
    REQUIRE(json["guests"].size() == 3);
    CHECK(json["guests"][0]["stop"]["reason"] == "time_limit");
    CHECK(json["guests"][1]["stop"]["reason"] == "killed");
    CHECK(holds(json["guests"][1]["stop"]["message"].get<std::string>(), {"killed by signal 9"}));
    CHECK(json["guests"][2]["stop"]["reason"] == "time_limit");
}

TEST_CASE("what makes no sense with clones is refused, with what would be right") {
    auto const refused = [](std::vector<std::string> options) {
        options.insert(options.begin(), {"run", "hello"});
        auto const result = twofold_command(options);
        CHECK(result.status == 2);
        return result.err;
    };
    CHECK(holds(refused({"--engine", "kvm", "--repeat", "0"}), {"--repeat", "not from 1"}));
    CHECK(holds(refused({"--repeat", "2"}), {"--repeat", "--engine kvm"}));
    CHECK(holds(refused({"--engine", "kvm", "--pool", "2000"}), {"--pool", "1024"}));
    CHECK(holds(refused({"--engine", "kvm", "--clones-as", "fibres"}), {"threads nor processes"}));
    CHECK(holds(refused({"--engine", "kvm", "--clones-as", "processes", "--pool", "1"}),
                {"--pool", "another process"}));
    if (without_kvm()) return;
    CHECK(holds(refused({"--engine", "kvm", "--clones", "1", "--host-page", "2m"}),
                {"--clones", "--host-page"}));
    CHECK(holds(refused({"--engine", "kvm", "--repeat", "2", "--gdb", "0"}),
                {"--repeat", "debugger"}));
}

TEST_CASE("lines of several guests are told apart, and a part of a line is ended first") {
    kvm::Outbox outbox;
    kvm::ConsoleLines lines{outbox};
    kvm::GuestConsole first{lines, 0};
    kvm::GuestConsole second{lines, 7};
    first.put("a begun");
    first.share();
    second.share();
    second.put("hel");
    first.put("more\n");
    second.put("lo\n" + std::string(300, 'x'));
    second.flush();
    CHECK(outbox.take().console == "a begun\n[0] more\n[7] hello\n[7] " + std::string(256, 'x') +
                                       "\n[7] " + std::string(44, 'x') + "\n");
}

TEST_CASE("an errand is done by the thread that waits, and none after the end") {
    kvm::Errands errands;
    bool asked = false;
    std::thread::id by;
    std::thread guest{[&] { asked = errands.run([&] { by = std::this_thread::get_id(); }); }};
    pollfd waited{errands.descriptor(), POLLIN, 0};
    REQUIRE(poll(&waited, 1, -1) == 1);
    errands.do_all();
    guest.join();
    CHECK(asked);
    CHECK(by == std::this_thread::get_id());
    bool done = true;
    std::thread late{[&] { done = errands.run([] {}); }};
    REQUIRE(poll(&waited, 1, -1) == 1);
    errands.close();
    late.join();
    CHECK_FALSE(done);
    CHECK_FALSE(errands.run([] {}));
}

TEST_CASE("pieces from a clone's process come whole, whatever the pipe makes of them") {
    std::string const bytes = kvm::piece::make(kvm::piece::console, "some text") +
                              kvm::piece::make(kvm::piece::report, "{}") +
                              kvm::piece::make(kvm::piece::end, "");
    kvm::PieceReader reader;
    std::string got;
    for (char const byte : bytes) {
        CHECK(reader.feed({&byte, 1}, [&](char kind, std::string_view text) {
            got += kind;
            got += text;
        }));
    }
    CHECK(got == "csome textr{}e");
    CHECK_FALSE(reader.feed("c\xff\xff\xff\xff", [](char, std::string_view) {}));
}

} // namespace kvm_clones_test
