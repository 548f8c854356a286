// A conversation with the debugger's stub, packet by packet.
#pragma once

#include "debug/gdb_session.hpp"
#include "support/fake_debug_target.hpp"
#include "tests/catch.hpp"

#include <string>
#include <string_view>

namespace twofold::test {

/// A debugger that has asked for no acknowledgements.
struct Conversation {
    FakeDebugTarget target;
    vmm::GdbSession session{target};

    explicit Conversation(unsigned processors = 1) : target(looping_program(), processors) {
        session.receive(vmm::frame_gdb_packet("QStartNoAckMode"));
        (void)session.take_output();
    }
    /// The payload of the answer, or several of them one after another; stops are told.
    std::string ask(std::string_view packet) {
        session.receive(vmm::frame_gdb_packet(packet));
        if (session.state() == vmm::GdbSession::State::running && !target.running())
            session.target_stopped();
        return payloads(session.take_output());
    }
    static std::string payloads(std::string const& output) {
        std::string all;
        vmm::GdbPacketReader reader{
            [&](vmm::GdbPacketReader::Event event, std::string const& payload) {
                REQUIRE(event == vmm::GdbPacketReader::Event::packet);
                all += payload;
            }};
        reader.feed(output);
        return all;
    }
};

} // namespace twofold::test
