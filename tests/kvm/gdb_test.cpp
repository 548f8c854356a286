// Debian's gdb and guests that run on this machine's own KVM.
#include "kvm/host.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/gdb.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <chrono>
#include <functional>
#include <thread>

namespace gdb_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

void wait_until(std::function<bool()> const& done) {
    while (!done())
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
}

/// A kernel that waits for a debugger.
struct Debugged {
    explicit Debugged(std::initializer_list<unsigned> instructions,
                      std::string const& name = "socket",
                      std::vector<std::string> const& options = {"--memory", "8M"})
        : socket(directory.file(name)), guest{{words(small_kernel(directory, instructions),
                                                     options)}} {
        wait_until([this] { return std::filesystem::exists(socket); });
    }
    Debugged(std::string const& kernel, std::vector<std::string> const& options)
        : socket(directory.file("socket")), guest{{words(kernel, options)}} {
        wait_until([this] { return std::filesystem::exists(socket); });
    }
    [[nodiscard]] std::vector<std::string> words(std::string const& kernel,
                                                 std::vector<std::string> const& options) const {
        std::vector<std::string> all{TWOFOLD_COMMAND, "run",   kernel, "--engine",
                                     "kvm",           "--gdb", socket};
        all.insert(all.end(), options.begin(), options.end());
        return all;
    }

    TemporaryDirectory directory;
    std::string socket;
    BackgroundCommand guest;
};

/// gdb executes `commands` to their end, interrupted once the guest has printed `when_printed` if
/// that is anything, and its output has all of `lines`. How the guest ended.
CommandResult check_gdb(Debugged& debugged, std::vector<std::string> const& commands,
                        std::vector<std::string> const& lines,
                        std::string const& when_printed = {}) {
    std::string const output = debugged.directory.file("out");
    Gdb gdb{debugged.socket, commands, output};
    REQUIRE(gdb.spawned()); // scripts/setup installs it.
    if (!when_printed.empty()) {
        wait_until([&] { return debugged.guest.out() == when_printed; });
        gdb.interrupt();
    }
    gdb.wait();
    auto result = debugged.guest.wait();
    std::string const text = contents_of(output);
    INFO(text << result.err);
    for (auto const& line : lines) {
        CAPTURE(line);
        CHECK(text.find(line) != std::string::npos);
    }
    return result;
}

} // namespace

TEST_CASE("gdb steps, breaks, reads and writes a guest under KVM, and sees its end") {
    if (without_kvm()) return;
    // nop; inc eax; inc eax; inc eax
    Debugged debugged{0x90, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0};
    auto const result = check_gdb(
        debugged,
        {"p/x $rip",
         "x/3xb $rip",
         "stepi",
         "p/x $rip",
         "break *0x400005",
         "hbreak *0x400003",
         "continue",
         "p/x $rip",
         "p $eax",
         "continue",
         "p/x $rip",
         "p $eax",
         "set var $rcx = 0x1234",
         "p/x $rcx",
         "set *(int*)0x500ffe = 0x01020304",
         "x/4xb 0x500ffe",
         "x/1xb 0x10000000",
         "p/x $cr0 & 1",
         "p/x $efer & 0x400",
         "info registers cs",
         "continue"},
        {"$1 = 0x400000", "0x90\t0xff\t0xc0", "$2 = 0x400001", "Breakpoint 2, ", "$3 = 0x400003",
         "$4 = 1", "Breakpoint 1, ", "$5 = 0x400005", "$6 = 2", "$7 = 0x1234",
         "0x04\t0x03\t0x02\t0x01", "Cannot access memory at address 0x10000000", "$8 = 0x1",
         "$9 = 0x400", "exited normally"});
    CHECK(result.status == 0);
    CHECK(holds(result.err, {"waiting for gdb: target remote " + debugged.socket, "exit 0"}));
    CHECK_FALSE(std::filesystem::exists(debugged.socket));
}

TEST_CASE("gdb interrupts a guest that runs under KVM, and lets it go to its end") {
    if (without_kvm()) return;
    // mov dx, 0x3f8; mov al, 'R'; out dx, al; mov al, 10; out dx, al; jmp to itself; nop
    Debugged debugged{0x66, 0xba, 0xf8, 3, 0xb0, 'R', 0xee, 0xb0, 10, 0xee, 0xeb, 0xfe, 0x90};
    auto const result =
        check_gdb(debugged, {"continue", "p/x $rip", "set var $rip = $rip + 2", "detach"},
                  {"SIGINT", "$1 = 0x40000a"}, "R\n");
    CHECK(result.status == 0);
}

TEST_CASE("gdb dies while a guest runs: its breakpoint in a loop holds the guest no more") {
    if (without_kvm()) return;
    // mov dx, 0x3f8; mov al, 'R'; out dx, al; mov al, 10; out dx, al; mov ebx, 2
    // 0x40000f: mov ecx, 300000; 0x400014: dec ecx; jnz 0x400014; nop (0x400018); dec ebx;
    // jnz 0x40000f
    Debugged debugged{0x66, 0xba, 0xf8, 3,    0xb0, 'R',  0xee, 0xb0, 10,  0xee,
                      0xbb, 2,    0,    0,    0,    0xb9, 0xe0, 0x93, 4,   0,
                      0xff, 0xc9, 0x75, 0xfc, 0x90, 0xff, 0xcb, 0x75, 0xf2};
    Gdb gdb{
        debugged.socket, {"hbreak *0x400018", "continue"}, debugged.directory.file("out").string()};
    REQUIRE(gdb.spawned());
    wait_until([&] { return debugged.guest.out() == "R\n"; });
    gdb.kill();
    auto const result = debugged.guest.wait();
    INFO(result.err);
    CHECK(result.status == 0);
}

TEST_CASE("a debugged guest that faults stands where it did; killed, it has not ended by itself") {
    if (without_kvm()) return;
    Debugged debugged{0x90, 0x0f, 0x0b}; // nop; ud2
    auto const result =
        check_gdb(debugged, {"continue", "p/x $rip", "kill"}, {"SIGSEGV", "$1 = 0x400001"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"triple fault"}));
}

TEST_CASE("a guest that waits for a debugger ends by SIGTERM, and leaves no socket") {
    if (without_kvm()) return;
    Debugged debugged{0x90};
    kill(debugged.guest.pid(), SIGTERM);
    auto const result = debugged.guest.wait();
    CHECK(result.status == 128 + SIGTERM);
    CHECK_FALSE(std::filesystem::exists(debugged.socket));
}

TEST_CASE("a socket's path can't act on the terminal, be it told or refused") {
    if (without_kvm()) return;
    Debugged debugged{{0x90}, "\x1b[31m"};
    auto const second =
        run_command({{TWOFOLD_COMMAND, "run", debugged.directory.file("kernel.elf").string(),
                      "--engine", "kvm", "--gdb", debugged.socket}});
    kill(debugged.guest.pid(), SIGTERM);
    auto const first = debugged.guest.wait();
    for (auto const& err : {first.err, second.err}) {
        CHECK(holds(err, {"\\x1b[31m"}));
        CHECK(err.find('\x1b') == std::string::npos);
    }
    CHECK(second.status == 1);
}

TEST_CASE("gdb reads and writes the x87 and SSE registers of a guest under KVM") {
    if (without_kvm()) return;
    // movups [0x500000], xmm0; nop
    Debugged debugged{0x0f, 0x11, 0x04, 0x25, 0, 0, 0x50, 0, 0x90};
    auto const result = check_gdb(
        debugged,
        {"p $mxcsr", "p/x $fctrl", "p/x $ftag", "set var $cr4 = $cr4 | 0x200",
         "set var $xmm0.v2_int64[0] = 0x1122334455667788", "set var $xmm0.v2_int64[1] = 0x99",
         "p/x $xmm0.uint128", "set var $st0 = 1.5", "set var $ftag = 0xfffc", "p $st0", "p/x $ftag",
         "stepi", "x/2gx 0x500000", "info registers xmm0", "continue"},
        {"$1 = [ IM DM ZM OM UM PM ]", "$2 = 0x37f", "$3 = 0xffff", "$4 = 0x991122334455667788",
         "$5 = 1.5", "$6 = 0xfffc", "0x1122334455667788\t0x0000000000000099",
         "v2_int64 = {0x1122334455667788, 0x99}", "exited normally"});
    CHECK(result.status == 0);
}

TEST_CASE("gdb has each processor of a guest under KVM as a thread, and steps one while others "
          "stand") {
    if (without_kvm()) return;
    Debugged debugged{"board", {"--devices", "pc", "--cpus", "2"}};
    auto const result =
        check_gdb(debugged,
                  {"file " TWOFOLD_BUILD_DIRECTORY "/guest/board.debug", "info threads",
                   "hbreak run_woken", "continue", "set scheduler-locking on", "p $_thread",
                   "set var $before = $pc", "stepi", "p $pc > $before", "thread 1", "p/x $cr0 & 1",
                   "set scheduler-locking off", "delete", "continue"},
                  {"Thread 1 (runs)", "Thread 2 (waits to be woken)", "Thread 2 hit ", "run_woken",
                   "$1 = 2", "$2 = true", "Switching to thread 1", "$3 = 0x1", "exited normally"});
    CHECK(result.status == 0);
    CHECK(holds(result.out, {"processors 2\n", "sum 2000\n"}));
}

TEST_CASE("gdb interrupts all processors of a guest under KVM at once") {
    if (without_kvm()) return;
    // mov dx, 0x3f8; mov al, 'R'; out dx, al; mov al, 10; out dx, al; jmp to itself; nop
    Debugged debugged{{0x66, 0xba, 0xf8, 3, 0xb0, 'R', 0xee, 0xb0, 10, 0xee, 0xeb, 0xfe, 0x90},
                      "socket",
                      {"--devices", "pc", "--cpus", "3"}};
    auto const result = check_gdb(
        debugged, {"continue", "info threads", "set var $rip = $rip + 2", "thread 3", "detach"},
        {"SIGINT", "* 1    Thread 1 (runs) ", "0x000000000040000a in", "3    Thread 3 (waits"},
        "R\n");
    CHECK(result.status == 0);
}

TEST_CASE("where KVM emulates ring 0 it is said that data can't be watched") {
    if (without_kvm()) return;
    bool const emulates = kvm::examine_host().paging == kvm::Paging::software;
    if (skipped_for(emulates ? "" : "this host's KVM does not emulate ring 0")) return;
    Debugged debugged{0x90};
    auto const result =
        check_gdb(debugged, {"watch *(int*)0x500000", "continue", "delete", "continue"},
                  {"Could not insert hardware watchpoint 1."});
    INFO(result.err);
    CHECK(holds(result.err, {"no watchpoints: KVM emulates ring 0", "can-use-hw-watchpoints 0"}));
    CHECK(result.status == 0);
}

} // namespace gdb_test
