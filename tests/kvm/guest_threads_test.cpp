// What surrounds a guest's thread: its ports, its outbox, its confinement, its records.
#include "kvm/confinement.hpp"
#include "kvm/disassembly.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/outbox.hpp"
#include "report/record_reader.hpp"
#include "report/run_report.hpp"
#include "report/run_text.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

namespace guest_threads_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

/// How a child that is confined and then does `action` ends.
template <class Action>
int end_of_confined(Action&& action) {
    pid_t const child = fork();
    if (child == 0) {
        kvm::confine_thread();
        action();
        syscall(SYS_exit_group, 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

TEST_CASE("a guest that writes faster than anybody reads waits, and is let go at the end") {
    kvm::Outbox outbox;
    std::string const much(std::size_t{200} << 10, 'x');
    std::thread writer{[&] {
        for (int i = 0; i < 8; ++i)
            outbox.put_console(much);
        outbox.finish();
    }};
    std::size_t taken = 0;
    while (taken < 4 * much.size()) {
        auto const contents = outbox.take();
        CHECK(contents.console.size() <= 3 * much.size());
        taken += contents.console.size();
    }
    outbox.close();
    writer.join();
    auto const rest = outbox.take();
    CHECK(rest.finished);
    CHECK(taken + rest.console.size() == 8 * much.size());
}

TEST_CASE("whatever is put is announced, and taken as it came") {
    kvm::Outbox outbox;
    pollfd waited{outbox.descriptor(), POLLIN, 0};
    CHECK(poll(&waited, 1, 0) == 0);
    for (int round = 0; round < 2; ++round) {
        outbox.put_console("a");
        outbox.put_console("b");
        outbox.put_report("{}");
        REQUIRE(poll(&waited, 1, -1) == 1);
        auto const contents = outbox.take();
        CHECK(contents.console == "ab");
        CHECK(contents.report == std::vector<std::string>{"{}"});
        CHECK_FALSE(contents.finished);
        CHECK(poll(&waited, 1, 0) == 0);
    }
    outbox.finish();
    REQUIRE(poll(&waited, 1, -1) == 1);
    CHECK(outbox.take().finished);
}

TEST_CASE("a reader that comes by itself is told only of what is much or the last") {
    kvm::Outbox outbox;
    pollfd waited{outbox.descriptor(), POLLIN, 0};
    auto const announced = [&] { return poll(&waited, 1, 0) == 1; };
    CHECK(outbox.wait_for_more());
    outbox.put_console("a");
    CHECK_FALSE(announced());
    CHECK(outbox.take().console == "a");
    outbox.put_console("b");
    CHECK(announced());
    CHECK(outbox.wait_for_more());
    CHECK_FALSE(announced());
    outbox.put_console(std::string(std::size_t{40} << 10, 'x'));
    CHECK(announced());
    CHECK_FALSE(outbox.wait_for_more());
    CHECK(announced());
    CHECK(outbox.take().console.size() > 1);
    CHECK(outbox.wait_for_more());
    outbox.finish();
    CHECK(announced());
    CHECK(outbox.take().finished);
}

TEST_CASE("a confined thread can go on, but opens, connects and executes nothing") {
    CHECK(end_of_confined([] { (void)getpid(); }) == 0);
    CHECK(end_of_confined([] { (void)open("/etc/passwd", O_RDONLY); }) == 128 + SIGSYS);
    CHECK(end_of_confined([] { (void)socket(AF_UNIX, SOCK_STREAM, 0); }) == 128 + SIGSYS);
    CHECK(end_of_confined([] { execl("/bin/true", "true", nullptr); }) == 128 + SIGSYS);
    CHECK(end_of_confined([] { (void)fork(); }) == 128 + SIGSYS);
    CHECK(end_of_confined([] {
              (void)mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          }) == 128 + SIGSYS);
}

TEST_CASE("the records are those that the report's reader takes") {
    vmm::GuestPlan const plan{.arguments = {"g"}, .elf = {}, .memory_bytes = 0x400000};
    kvm::Figures figures{.rip = 0x400010,
                         .ticks = 70,
                         .exits = {{"io", 3}},
                         .memory_frames = 9,
                         .faults = {},
                         .kernel = {{"exits", 12}}};
    figures.unknown_places["port 0x80"] = {.reads = 1, .writes = 2};
    figures.faults.count(true, 16, 100);
    figures.faults.count(false, 1, 300);
    vmm::RunReport report;
    CHECK(
        report.add_line(kvm::boot_record("cpu \"x\"", 0x400000, {{"machine", 5}, {"memory", 6}})));
    CHECK(report.add_line(kvm::start_record({.name = "g"}, plan, "eager", 11)));
    CHECK(report.add_line(kvm::figure_record(0, "cost", 4)));
    CHECK(report.add_line(
        kvm::walk_record(0, Gva{0x1000}, PagingMode::four_level, {},
                         std::unexpected(NestedFault{Dimension::guest, WalkFaultReason::not_present,
                                                     4, 0, Gpa{}, false}))));
    CHECK(report.add_line(kvm::stop_record({.name = "g"}, {"exit", 7, ""}, figures)));
    CHECK_FALSE(report.add_line(kvm::end_record()));
    auto const& guest = report.guests().front();
    REQUIRE(guest.stop->activity);
    auto const& activity = *guest.stop->activity;
    REQUIRE(activity.unknown_places.size() == 1);
    CHECK(activity.unknown_places[0].place == "port 0x80");
    CHECK(activity.unknown_places[0].writes == 2);
    CHECK(activity.userfaults.value().total() == 2);
    CHECK(activity.userfaults.value().ticks_min == 100);
    CHECK(activity.userfaults.value().ticks_max == 300);
    CHECK_FALSE(activity.violations);
    CHECK_FALSE(activity.table_frames);
    CHECK(activity.kernel.at("exits") == 12);
    CHECK(activity.fault_histogram == std::map<std::uint64_t, std::uint64_t>{{64, 1}, {256, 1}});
    CHECK(activity.exits.at("io") == 3);

    // Nothing that only the hypervisor knows.
    auto const text = vmm::run_text(report, vmm::Style{false});
    INFO(text);
    for (char const* const part :
         {"host pages 4K, eager", "faults answered here", "1 by write", "300 the most",
          "pages of zeros", "from the start of the engine"})
        CHECK(text.find(part) != std::string::npos);
    for (char const* const part : {"EPT", "hypervisor", "violation", "make_guest"})
        CHECK(text.find(part) == std::string::npos);
}

TEST_CASE("an instruction is put into words") {
    std::array const rdtscp{std::byte{0x0f}, std::byte{0x01}, std::byte{0xf9}};
    CHECK(kvm::instruction_text(rdtscp, 0x1000) == "rdtscp");
    std::array const nothing{std::byte{0x06}};
    CHECK(kvm::instruction_text(nothing, 0x1000).empty());
}

} // namespace guest_threads_test
