#include "debug/gdb_registers.hpp"
#include "support/gdb_conversation.hpp"
#include "tests/catch.hpp"

#include <fmt/format.h>

#include <string>

namespace gdb_session_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

TEST_CASE("packets are acknowledged until the debugger asks for none") {
    FakeDebugTarget target{looping_program()};
    GdbSession session{target};
    session.receive(frame_gdb_packet("?"));
    CHECK(session.take_output() == "+" + frame_gdb_packet("T05thread:1;"));
    session.receive("$?#00");
    CHECK(session.take_output() == "-");
    session.receive("-");
    CHECK(session.take_output() == frame_gdb_packet("T05thread:1;"));
    session.receive(frame_gdb_packet("QStartNoAckMode"));
    CHECK(session.take_output() == "+" + frame_gdb_packet("OK"));
    session.receive(frame_gdb_packet("?"));
    CHECK(session.take_output() == frame_gdb_packet("T05thread:1;"));
}

TEST_CASE("registers are read and written one by one and all at once") {
    Conversation gdb;
    CHECK(gdb.ask("p10") == "0000400000000000");
    CHECK(gdb.ask("P0=efcdab8967452301") == "OK");
    CHECK(gdb.target.first_registers().general[0] == 0x0123'4567'89ab'cdef);
    std::string const all = gdb.ask("g");
    CHECK(all.substr(0, 16) == "efcdab8967452301");
    CHECK(all.substr(16 * 16, 16) == "0000400000000000");
    CHECK(gdb.ask("G" + std::string(16, '1') + all.substr(16)) == "OK");
    CHECK(gdb.target.first_registers().general[0] == 0x1111'1111'1111'1111);
    CHECK(gdb.target.first_registers().rip == 0x40'0000);
    // GDB's numbers of st0, xmm0 and mxcsr.
    CHECK(gdb.ask("P18=01020304050607080910") == "OK");
    CHECK(gdb.target.first_registers().x87[0][9] == 0x10);
    CHECK(gdb.ask("P28=000102030405060708090a0b0c0d0e0f") == "OK");
    CHECK(gdb.target.first_registers().xmm[0][15] == 0x0f);
    CHECK(gdb.ask("P38=801f0000") == "OK");
    CHECK(gdb.target.first_registers().mxcsr == 0x1f80);
}

TEST_CASE(
    "registers that do not exist, or values that do not fit, are refused and change nothing") {
    Conversation gdb;
    auto const before = gdb.target.first_registers();
    for (char const* const packet :
         {"p", "pzz", "p100", "P0=12", "P0", "Pff=00", "G00", "P0=zz00000000000000"})
        CHECK(gdb.ask(packet) == "E01");
    CHECK(gdb.target.first_registers() == before);
}

TEST_CASE("memory is read and written by gva, across pages") {
    Conversation gdb;
    CHECK(gdb.ask("m400000,4") == "90ffc0ff");
    CHECK(gdb.ask("M400ffe,4:01020304") == "OK");
    CHECK(gdb.ask("m400ffe,4") == "01020304");
    CHECK(gdb.ask("X400ffe,2:#z") == "OK");
    CHECK(gdb.ask("m400ffe,4") == "237a0304");
}

TEST_CASE("memory that is not mapped is an error, and a range is read as far as it is mapped") {
    Conversation gdb;
    CHECK(gdb.ask("m800000,4") == "E0e");
    CHECK(gdb.ask("mffffffff80000000,4") == "E0e");
    CHECK(gdb.ask("M800000,1:00") == "E0e");
    CHECK(gdb.ask("m7ffffe,4").size() == 4);
}

TEST_CASE("a write that is not mapped to its end changes nothing") {
    Conversation gdb;
    std::string const before = gdb.ask("m7ffffc,4");
    CHECK(gdb.ask("M7ffffe,4:01020304") == "E0e");
    CHECK(gdb.ask("X7ffffe,4:abcd") == "E0e");
    CHECK(gdb.ask("m7ffffc,4") == before);
}

TEST_CASE("threads that do not exist are refused") {
    Conversation gdb;
    for (char const* const packet : {"Hg1", "Hg0", "Hc-1", "T1"})
        CHECK(gdb.ask(packet) == "OK");
    for (char const* const packet :
         {"Hg2", "Hc2", "Hgzz", "Hg", "H", "T2", "T", "Tffffffffffffffff"})
        CHECK(gdb.ask(packet) == "E01");
}

TEST_CASE("malformed and immoderate memory packets are refused") {
    Conversation gdb;
    for (char const* const packet : {"m", "m,", "m1", "mg,1", "m0,100000", "M400000,2:00",
                                     "M400000,1:0", "M400000,1:zz", "m0,-1"})
        CHECK(gdb.ask(packet) == "E01");
}

TEST_CASE("a step is one instruction, and continuing stops at a breakpoint of either kind") {
    for (char const* const kind : {"0", "1"}) {
        Conversation gdb;
        CHECK(gdb.ask("s") == "T05thread:1;");
        CHECK(gdb.target.first_registers().rip == 0x40'0001);
        CHECK(gdb.ask("vCont;s:1;c") == "T05thread:1;");
        CHECK(gdb.target.first_registers().rip == 0x40'0003);
        CHECK(gdb.ask(std::string{"Z"} + kind + ",400005,1") == "OK");
        CHECK(gdb.ask("vCont;c") == "T05thread:1;");
        CHECK(gdb.target.first_registers().rip == 0x40'0005);
        CHECK(gdb.target.first_registers().general[0] == 2);
        CHECK(gdb.ask(std::string{"z"} + kind + ",400005,1") == "OK");
        CHECK(gdb.target.breakpoints().empty());
    }
}

TEST_CASE("continuing at an address starts there") {
    Conversation gdb;
    CHECK(gdb.ask("s400005") == "T05thread:1;");
    CHECK(gdb.target.first_registers().rip == 0x40'0006);
}

TEST_CASE("a breakpoint that is set twice is one, and more than the target has are refused") {
    Conversation gdb;
    CHECK(gdb.ask("Z1,400001,1") == "OK");
    CHECK(gdb.ask("Z1,400001,1") == "OK");
    CHECK(gdb.target.breakpoints().size() == 1);
    for (char const* const packet : {"Z1,1,1", "Z1,2,1", "Z1,3,1"})
        CHECK(gdb.ask(packet) == "OK");
    CHECK(gdb.ask("Z1,4,1") == "E0e");
    CHECK(gdb.ask("Z0") == "E01");
}

TEST_CASE("data is watched for writes and for accesses, as many bytes as asked for") {
    Conversation gdb;
    CHECK(gdb.ask("Z2,401000,8") == "OK");
    CHECK(gdb.ask("Z4,401010,2") == "OK");
    CHECK(gdb.target.breakpoints().contains({BreakpointKind::write, Gva{0x401000}, 8}));
    CHECK(gdb.target.breakpoints().contains({BreakpointKind::access, Gva{0x401010}, 2}));
    CHECK(gdb.ask("z2,401000,8") == "OK");
    CHECK(gdb.target.breakpoints().size() == 1);
    // Nothing is no watchpoint, and x86 has none for reads alone.
    CHECK(gdb.ask("Z2,401000,0") == "E01");
    CHECK(gdb.ask("Z3,401000,1").empty());

    Conversation emulated;
    emulated.target.cannot_watch();
    CHECK(emulated.ask("Z2,401000,8") == "E." + std::string{no_watchpoints});
    CHECK(emulated.target.breakpoints().empty());
}

TEST_CASE("a target that runs stops by Ctrl-C, and answers nothing before") {
    Conversation gdb;
    CHECK(gdb.ask("c").empty());
    REQUIRE(gdb.session.state() == GdbSession::State::running);
    CHECK(gdb.ask("g").empty());
    gdb.session.receive("\x03");
    gdb.session.target_stopped();
    CHECK(Conversation::payloads(gdb.session.take_output()) == "T02thread:1;");
    CHECK(gdb.session.state() == GdbSession::State::stopped);
    // Without anything that runs it means nothing.
    gdb.session.receive("\x03");
    CHECK(gdb.session.take_output().empty());
}

TEST_CASE("the end of the guest is told with its exit status, and a fault by a signal") {
    Conversation gdb;
    CHECK(gdb.ask("M400000,1:f4") == "OK");
    CHECK(gdb.ask("P5=2a00000000000000") == "OK");
    CHECK(gdb.ask("c") == "W2a");
    CHECK(gdb.session.state() == GdbSession::State::ended);
    CHECK(gdb.ask("c") == "W2a");

    Conversation other;
    CHECK(other.ask("M400000,1:0f") == "OK");
    CHECK(other.ask("c") == "T0bthread:1;");
}

TEST_CASE("detaching takes the breakpoints away and lets the target run") {
    Conversation gdb;
    CHECK(gdb.ask("Z0,400003,1") == "OK");
    CHECK(gdb.ask("D") == "OK");
    CHECK(gdb.session.state() == GdbSession::State::detached);
    CHECK(gdb.target.breakpoints().empty());
    CHECK(gdb.target.running());
}

TEST_CASE("killing ends the target") {
    Conversation gdb;
    CHECK(gdb.ask("k").empty());
    CHECK(gdb.target.killed());
    CHECK(gdb.session.state() == GdbSession::State::killed);
    Conversation other;
    CHECK(other.ask("vKill;1") == "OK");
    CHECK(other.target.killed());
}

TEST_CASE("the description comes whole, in parts of any size") {
    std::string const& whole = gdb_target_description();
    for (std::size_t const part : {std::size_t{100}, std::size_t{0xfff}, whole.size()}) {
        Conversation gdb;
        std::string got;
        char more = 'm';
        while (more == 'm') {
            auto const answer =
                gdb.ask(fmt::format("qXfer:features:read:target.xml:{:x},{:x}", got.size(), part));
            REQUIRE_FALSE(answer.empty());
            more = answer[0];
            got += answer.substr(1);
        }
        CHECK(got == whole);
    }
}

TEST_CASE("what is not supported gets an empty answer") {
    Conversation gdb;
    for (char const* const packet : {"", "vMustReplyEmpty", "qUnknown", "!", "Qx", "vFile:open"})
        CHECK(gdb.ask(packet).empty());
    CHECK(gdb.ask("qSupported:multiprocess+").find("PacketSize=4000") == 0);
    CHECK(gdb.ask("vCont?") == "vCont;c;C;s;S");
}

} // namespace gdb_session_test
