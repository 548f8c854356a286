// Debian's gdb and guests that run on this machine's own KVM.
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

namespace {

void wait_until(std::function<bool()> const& done) {
    while (!done())
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
}

/// A kernel that waits for a debugger.
struct Debugged {
    explicit Debugged(std::initializer_list<unsigned> instructions,
                      std::string const& name = "socket")
        : socket(directory.file(name)), guest{{{TWOFOLD_COMMAND, "run",
                                                small_kernel(directory, instructions), "--engine",
                                                "kvm", "--memory", "8M", "--gdb", socket}}} {
        wait_until([this] { return std::filesystem::exists(socket); });
    }

    TemporaryDirectory directory;
    std::string socket;
    BackgroundCommand guest;
};

} // namespace

TEST_CASE("gdb steps, breaks, reads and writes a guest under KVM, and sees its end") {
    if (without_kvm()) return;
    // nop; inc eax; inc eax; inc eax
    Debugged debugged{0x90, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0};
    std::string const output = debugged.directory.file("out");
    Gdb gdb{debugged.socket,
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
            output};
    REQUIRE(gdb.spawned());
    gdb.wait();
    auto const result = debugged.guest.wait();
    std::string const text = contents_of(output);
    INFO(text << result.err);
    for (char const* const line :
         {"$1 = 0x400000", "0x90\t0xff\t0xc0", "$2 = 0x400001", "Breakpoint 2, ", "$3 = 0x400003",
          "$4 = 1", "Breakpoint 1, ", "$5 = 0x400005", "$6 = 2", "$7 = 0x1234",
          "0x04\t0x03\t0x02\t0x01", "Cannot access memory at address 0x10000000", "$8 = 0x1",
          "$9 = 0x400", "exited normally"})
        CHECK(text.find(line) != std::string::npos);
    CHECK(result.status == 0);
    CHECK(holds(result.err, {"waiting for gdb: target remote " + debugged.socket, "exit 0"}));
    CHECK_FALSE(std::filesystem::exists(debugged.socket));
}

TEST_CASE("gdb interrupts a guest that runs under KVM, and lets it go to its end") {
    if (without_kvm()) return;
    // mov dx, 0x3f8; mov al, 'R'; out dx, al; mov al, 10; out dx, al; jmp to itself; nop
    Debugged debugged{0x66, 0xba, 0xf8, 3, 0xb0, 'R', 0xee, 0xb0, 10, 0xee, 0xeb, 0xfe, 0x90};
    std::string const output = debugged.directory.file("out");
    Gdb gdb{debugged.socket, {"continue", "p/x $rip", "set var $rip = $rip + 2", "detach"}, output};
    REQUIRE(gdb.spawned());
    wait_until([&] { return debugged.guest.out() == "R\n"; });
    gdb.interrupt();
    gdb.wait();
    auto const result = debugged.guest.wait();
    std::string const text = contents_of(output);
    INFO(text << result.err);
    CHECK(text.find("SIGINT") != std::string::npos);
    CHECK(text.find("$1 = 0x40000a") != std::string::npos);
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
    std::string const output = debugged.directory.file("out");
    Gdb gdb{debugged.socket, {"continue", "p/x $rip", "kill"}, output};
    gdb.wait();
    auto const result = debugged.guest.wait();
    std::string const text = contents_of(output);
    INFO(text << result.err);
    CHECK(text.find("SIGSEGV") != std::string::npos);
    CHECK(text.find("$1 = 0x400001") != std::string::npos);
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

} // namespace gdb_test
