// Debian's gdb against the stub.
#include "debug/gdb_server.hpp"
#include "support/fake_debug_target.hpp"
#include "support/gdb.hpp"
#include "support/temporary_directory.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace real_gdb_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

TEST_CASE("gdb reads and writes registers and memory, steps, and stops at breakpoints") {
    TemporaryDirectory const directory;
    for (std::string const& where : {std::string{"0"}, directory.file("socket").string()}) {
        FakeDebugTarget target{looping_program()};
        GdbServer server{where};
        std::string const output = directory.file(where == "0" ? "out_tcp" : "out_unix");
        Gdb gdb{server.address(),
                {"p/x $rip", "x/4xb $rip", "stepi", "p/x $pc - 0x400000", "break *0x400005",
                 "continue", "p $eax", "hbreak *0x400006", "continue", "p/x $rip", "p/x $cr0",
                 "set var $rbx = 0x1234", "p/x $rbx", "set *(int*)0x400ffe = 0x01020304",
                 "x/4xb 0x400ffe", "x/1xb 0x900000", "info registers eflags fs_base", "kill"},
                output};
        REQUIRE(gdb.spawned()); // scripts/setup installs it.
        CHECK(server.serve(target) == GdbSession::State::killed);
        gdb.wait();
        std::string const text = contents_of(output);
        INFO(text);
        for (char const* const line :
             {"$1 = 0x400000", "0x90\t0xff\t0xc0\t0xff", "$2 = 0x1", "Breakpoint 1, ", "$3 = 2",
              "Breakpoint 2, ", "$4 = 0x400006", "$5 = 0x80000001", "$6 = 0x1234",
              "0x04\t0x03\t0x02\t0x01", "Cannot access memory at address 0x900000"})
            CHECK(text.find(line) != std::string::npos);
        CHECK(target.breakpoints().empty());
        CHECK(target.killed());
    }
}

TEST_CASE("gdb does not take a breakpoint for the INT3 of one that lies a byte before it") {
    TemporaryDirectory const directory;
    // Jumps over the first to the second: jmp 0x400004; nop; nop (0x400003); nop (0x400004).
    FakeDebugTarget target{std::vector{std::byte{0xeb}, std::byte{2}, std::byte{0x90},
                                       std::byte{0x90}, std::byte{0x90}}};
    GdbServer server{directory.file("socket").string()};
    std::string const output = directory.file("out");
    Gdb gdb{server.address(),
            {"break *0x400003", "break *0x400004", "continue", "p/x $pc", "kill"},
            output};
    REQUIRE(gdb.spawned());
    CHECK(server.serve(target) == GdbSession::State::killed);
    gdb.wait();
    std::string const text = contents_of(output);
    INFO(text);
    CHECK(text.find("Breakpoint 2, ") != std::string::npos);
    CHECK(text.find("$1 = 0x400004") != std::string::npos);
}

TEST_CASE("gdb interrupts a target that runs, and lets it go") {
    TemporaryDirectory const directory;
    FakeDebugTarget target{looping_program()};
    GdbServer server{directory.file("socket").string()};
    std::string const output = directory.file("out");
    Gdb gdb{server.address(), {"continue", "p/x $rip", "detach"}, output};
    REQUIRE(gdb.spawned());
    std::jthread const user{[&](std::stop_token const& stop) {
        while (!target.running() && !stop.stop_requested())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        gdb.interrupt();
    }};
    CHECK(server.serve(target) == GdbSession::State::detached);
    gdb.wait();
    std::string const text = contents_of(output);
    INFO(text);
    CHECK(text.find("SIGINT") != std::string::npos);
    CHECK(text.find("$1 = 0x400006") != std::string::npos);
    CHECK(text.find("detached") != std::string::npos);
    CHECK(target.running());
}

TEST_CASE("a debugger that is gone lets the target run") {
    TemporaryDirectory const directory;
    FakeDebugTarget target{looping_program()};
    GdbServer server{directory.file("socket").string()};
    Gdb gdb{server.address(),
            {"break *0x400003", "continue", "disconnect"},
            directory.file("out").string()};
    REQUIRE(gdb.spawned());
    CHECK(server.serve(target) == GdbSession::State::detached);
    CHECK(target.breakpoints().empty());
    CHECK(target.running());
}

TEST_CASE(
    "a target that runs when its debugger dies stands still while breakpoints are taken away") {
    TemporaryDirectory const directory;
    FakeDebugTarget target{looping_program()};
    GdbServer server{directory.file("socket").string()};
    Gdb gdb{server.address(),
            {"break *0x400001", "tbreak *0x400003", "continue", "continue", "continue"},
            directory.file("out").string()};
    REQUIRE(gdb.spawned());
    std::jthread const user{[&](std::stop_token const& stop) {
        while (!target.running() && !stop.stop_requested())
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        gdb.kill();
    }};
    CHECK(server.serve(target) == GdbSession::State::detached);
    CHECK(target.breakpoints().empty());
    CHECK_FALSE(target.touched_in_motion());
    CHECK(target.running());
}

TEST_CASE("a port that does not exist, and a socket that is there already, are refused") {
    TemporaryDirectory const directory;
    CHECK_THROWS_AS(GdbServer{"65536"}, UsageError);
    CHECK_THROWS_AS(GdbServer{"99999999999999999999"}, UsageError);
    CHECK_THROWS_AS(GdbServer{std::string(200, 'x')}, UsageError);
    GdbServer const first{directory.file("socket").string()};
    CHECK_THROWS_AS(GdbServer{directory.file("socket").string()}, SystemFailure);
}

TEST_CASE("the socket's file is gone with the server") {
    TemporaryDirectory const directory;
    { GdbServer const server{directory.file("socket").string()}; }
    CHECK_FALSE(std::filesystem::exists(directory.file("socket")));
}

} // namespace real_gdb_test
