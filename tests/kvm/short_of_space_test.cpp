// Memory and disks that are full, files that are cut off, and userfaultfd that is forbidden.
#include "kvm/device.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/userfault.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <linux/userfaultfd.h>
#include <nlohmann/json.hpp>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace short_of_space_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

CommandResult twofold_command(std::vector<std::string> words) {
    words.insert(words.begin(), TWOFOLD_COMMAND);
    return run_command({words});
}

/// From here on, this process and its children are given no userfaultfd.
void forbid_userfault() {
    auto* const filter = seccomp_init(SCMP_ACT_ALLOW);
    auto const refused = SCMP_ACT_ERRNO(EPERM);
    scmp_arg_cmp const by_device{
        .arg = 1, .op = SCMP_CMP_EQ, .datum_a = USERFAULTFD_IOC_NEW, .datum_b = 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        seccomp_rule_add(filter, refused, SCMP_SYS(userfaultfd), 0) != 0 ||
        seccomp_rule_add_array(filter, refused, SCMP_SYS(ioctl), 1, &by_device) != 0 ||
        seccomp_load(filter) != 0)
        _exit(99);
}

/// What `action`, which returns a text, says in a process of its own.
template <class Action>
std::string said_by_child(Action&& action) {
    int ends[2];
    if (pipe(ends) != 0) return {};
    pid_t const child = fork();
    if (child == 0) {
        std::string const text = action();
        _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                            : 98);
    }
    close(ends[1]);
    std::string text(4096, '\0');
    auto const got = read(ends[0], text.data(), text.size());
    close(ends[0]);
    waitpid(child, nullptr, 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
}

bool maps_file(pid_t process, std::string const& file) {
    return contents_of("/proc/" + std::to_string(process) + "/maps").find(file) !=
           std::string::npos;
}

} // namespace

TEST_CASE("a device that this user may not open is said to be so, with the way to be allowed") {
    TemporaryDirectory const directory;
    auto const device = directory.write("kvm", "");
    std::filesystem::permissions(device, std::filesystem::perms::none);
    auto const text = said_by_child([&] {
        if (geteuid() == 0 && seteuid(65534) != 0) return std::string{"can't become nobody"};
        setenv("TWOFOLD_KVM", device.c_str(), 1);
        return kvm::why_unusable();
    });
    CHECK(holds(text, {"Permission denied", "usermod -aG kvm", "--engine bochs"}));
}

TEST_CASE("where userfaultfd is forbidden the kernel brings memory in, and the report says so") {
    CHECK(holds(
        said_by_child([] {
            forbid_userfault();
            auto const descriptor = kvm::FaultHandler::open_userfault();
            return descriptor ? std::string{"given"} : descriptor.error();
        }),
        {"not given to this user", "Operation not permitted", "vm.unprivileged_userfaultfd=1"}));
    if (without_kvm()) return;
    auto const json = said_by_child([] {
        forbid_userfault();
        auto const result = twofold_command(
            {"run", "hello", "--engine", "kvm", "--lazy-by", "userfault", "--json", "-"});
        return nlohmann::json::parse(result.out)["guests"][0]["start"]["populate"]
            .get<std::string>();
    });
    CHECK(holds(json, {"lazy, by the kernel: userfaultfd is not given to this user"}));
}

TEST_CASE("more memory than this process can have is refused, with the system's words") {
    constexpr std::uint64_t too_much = std::uint64_t{1} << 47;
    CHECK(holds(
        failure_of([] { return kvm::GuestRam::zeroed(too_much, twofold::page_4k).page().shift(); }),
        {"can't map guest memory", "Cannot allocate memory"}));
}

TEST_CASE("a report or a snapshot that finds the disk full is a failure that names the place") {
    if (without_kvm()) return;
    auto const report = twofold_command({"run", "hello", "--engine", "kvm", "--json", "/dev/full"});
    CHECK(report.status == 1);
    CHECK(holds(report.err, {"can't write /dev/full", "No space left on device"}));
    auto const snapshot =
        twofold_command({"snapshot", "save", "/dev/full", "hello", "--memory", "8M"});
    CHECK(snapshot.status == 1);
    CHECK(holds(snapshot.err, {"can't write /dev/full", "No space left on device"}));
}

TEST_CASE("a file that may not become so large is a failure that leaves nothing behind") {
    TemporaryDirectory const directory;
    auto const limited = [&](std::string const& words) {
        return run_command(
            {{"/bin/sh", "-c", "ulimit -f 8; exec \"$0\" " + words, TWOFOLD_COMMAND}});
    };
    auto const file = directory.file("file").string();
    std::vector<std::string> all{"image hello -o " + file};
    if (kvm::why_unusable().empty())
        all.push_back("snapshot save " + file + " hello --memory 8M --quiet");
    for (auto const& words : all) {
        auto const result = limited(words);
        INFO(words << result.err);
        CHECK(result.status == 1);
        CHECK(holds(result.err, {"can't write", "File too large"}));
        CHECK(std::filesystem::is_empty(directory.path()));
    }
}

TEST_CASE("a snapshot that is cut off under a running guest ends that guest, and says why") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const kernel = small_kernel(directory, {0xeb, 0xfe}); // for ever
    auto const file = directory.file("guest.snap").string();
    REQUIRE(twofold_command({"snapshot", "save", file, kernel, "--memory", "8M", "-q"}).status ==
            0);
    BackgroundCommand restored{{{TWOFOLD_COMMAND, "snapshot", "restore", file, "--timeout", "20"}}};
    for (int waits = 0; waits < 10'000 && !maps_file(restored.pid(), "guest.snap"); ++waits)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    std::filesystem::resize_file(file, 4096);
    auto const result = restored.wait();
    INFO(result.err);
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"out of frames", "guest.snap was cut off while the guest ran"}));
}

} // namespace short_of_space_test
