// Processors as threads, and what is told of their stops.
#include "debug/gdb_threads.hpp"
#include "support/gdb_conversation.hpp"
#include "tests/catch.hpp"

namespace gdb_threads_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

TEST_CASE("a breakpoint that is reached is named by its kind to a debugger that knows the names") {
    for (bool const knows : {false, true}) {
        Conversation gdb;
        if (knows) (void)gdb.ask("qSupported:swbreak+;hwbreak+");
        CHECK(gdb.ask("Z0,400001,1") == "OK");
        CHECK(gdb.ask("Z1,400003,1") == "OK");
        CHECK(gdb.ask("c") == (knows ? "T05thread:1;swbreak:;" : "T05thread:1;"));
        CHECK(gdb.ask("c") == (knows ? "T05thread:1;hwbreak:;" : "T05thread:1;"));
    }
    DebugStop stop{DebugStop::Reason::trap, 0, 1,
                   Breakpoint{BreakpointKind::write, Gva{0x1000}, 8}};
    CHECK(gdb_stop_reply(stop, false) == "T05thread:2;watch:1000;");
    stop.hit->kind = BreakpointKind::access;
    CHECK(gdb_stop_reply(stop, false) == "T05thread:2;awatch:1000;");
}

TEST_CASE("each processor is a thread, whose registers are its own") {
    Conversation gdb{3};
    CHECK(gdb.ask("qfThreadInfo") == "m1,2,3");
    CHECK(gdb.ask("qsThreadInfo") == "l");
    CHECK(gdb.ask("qC") == "QC1");
    CHECK(gdb.ask("qThreadExtraInfo,3") == "66616b652032"); // fake 2
    CHECK(gdb.ask("qThreadExtraInfo,4") == "E01");
    CHECK(gdb.ask("T3") == "OK");
    CHECK(gdb.ask("T4") == "E01");
    CHECK(gdb.ask("Hg2") == "OK");
    CHECK(gdb.ask("P0=0700000000000000") == "OK");
    CHECK(gdb.ask("Hg4") == "E01");
    CHECK(gdb.ask("p0") == "0700000000000000");
    CHECK(gdb.ask("Hg1") == "OK");
    CHECK(gdb.ask("p0") == "0000000000000000");
}

TEST_CASE("vCont moves the processors that it names, and the one that stops is told") {
    Conversation gdb{2};
    auto const rip = [&](unsigned processor) { return gdb.target.registers(processor).rip; };
    CHECK(gdb.ask("vCont;s:2") == "T05thread:2;");
    CHECK(rip(0) == 0x40'0000);
    CHECK(rip(1) == 0x40'0001);
    CHECK(gdb.ask("qC") == "QC2");
    // The first goes one instruction, the second all the way to what is set for it.
    CHECK(gdb.ask("Z1,400005,1") == "OK");
    CHECK(gdb.ask("vCont;c:2") == "T05thread:2;");
    CHECK(rip(0) == 0x40'0000);
    CHECK(rip(1) == 0x40'0005);
    CHECK(gdb.ask("vCont;s:1;c") == "T05thread:1;");
    CHECK(rip(0) == 0x40'0001);
    CHECK(rip(1) == 0x40'0005);
    for (char const* const packet : {"vCont;", "vCont;c:3", "vCont;x", "vCont;c:zz", "vCont;s:"})
        CHECK(gdb.ask(packet) == (std::string_view{packet} == "vCont;s:" ? "T05thread:1;" : "E01"));
}

} // namespace gdb_threads_test
