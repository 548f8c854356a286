// One debugger's conversation with one target, as bytes in and bytes out (GDB manual, "Packets").
#pragma once

#include "debug/debug_target.hpp"
#include "debug/gdb_packet.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace twofold::vmm {

class GdbSession {
  public:
    enum class State : std::uint8_t {
        /// The target stands still and answers.
        stopped,
        running,
        /// The debugger let the target go on without it.
        detached,
        /// The debugger ended the target.
        killed,
        /// The target has ended by itself.
        ended,
    };

    /// The target stands still. It must outlive the session.
    explicit GdbSession(DebugTarget& target);

    [[nodiscard]] State state() const { return state_; }
    /// Takes what the debugger sent.
    void receive(std::string_view bytes) { reader_.feed(bytes); }
    /// To be called when the target's stop_descriptor() can be read.
    void target_stopped();
    /// Lets the target, which stands still, go on without a debugger. One that runs is left as it
    /// is.
    void let_go();
    /// What is to be sent to the debugger.
    [[nodiscard]] std::string take_output() { return std::exchange(output_, {}); }

  private:
    void handle(GdbPacketReader::Event event, std::string const& packet);
    void reply(std::string_view payload);
    void obey(std::string_view packet);
    [[nodiscard]] std::string answer(std::string_view packet);
    [[nodiscard]] std::string answer_query(std::string_view packet);
    [[nodiscard]] std::string answer_features(std::string_view range) const;

    [[nodiscard]] std::string read_register(std::string_view arguments);
    [[nodiscard]] std::string write_register(std::string_view arguments);
    [[nodiscard]] std::string write_all_registers(std::string_view hex);
    [[nodiscard]] std::string read_memory(std::string_view arguments);
    [[nodiscard]] std::string write_memory(std::string_view arguments, bool binary);
    [[nodiscard]] std::string change_breakpoint(std::string_view packet);
    [[nodiscard]] std::string choose_thread(std::string_view packet);
    [[nodiscard]] std::string thread_text(std::string_view id);
    [[nodiscard]] std::string all_threads() const;
    void resume(ResumeKind kind, std::string_view address);
    void resume(std::span<ResumeKind const> kinds);

    DebugTarget& target_;
    GdbPacketReader reader_;
    State state_ = State::stopped;
    bool acknowledge_ = true;
    std::string output_;
    /// The last packet, framed, in case that it must be sent again.
    std::string last_;
    DebugStop stop_{DebugStop::Reason::trap};
    /// What registers, memory and single steps are asked of.
    unsigned processor_ = 0;
    /// The debugger knows how a breakpoint is named in a stop.
    bool names_breakpoints_ = false;
    std::set<Breakpoint> breakpoints_;
};

} // namespace twofold::vmm
