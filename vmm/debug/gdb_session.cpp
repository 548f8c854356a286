#include "debug/gdb_session.hpp"

#include "debug/gdb_numbers.hpp"
#include "debug/gdb_registers.hpp"
#include "debug/gdb_threads.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

namespace {

constexpr std::string_view gdb_ok = "OK";
/// What the packet asks for is not possible, or the packet is malformed.
constexpr std::string_view gdb_bad_request = "E01";
/// EFAULT: nothing is mapped there.
constexpr std::string_view gdb_bad_address = "E0e";
std::optional<BreakpointKind> breakpoint_kind(char digit) {
    switch (digit) {
    case '0': return BreakpointKind::software;
    case '1': return BreakpointKind::hardware;
    case '2': return BreakpointKind::write;
    case '4': return BreakpointKind::access;
    // Z3 is for reads alone; told that there are none, GDB takes Z4 for them.
    default: return std::nullopt;
    }
}

} // namespace

GdbSession::GdbSession(DebugTarget& target)
    : target_(target), reader_([this](GdbPacketReader::Event event, std::string const& packet) {
          handle(event, packet);
      }) {}

void GdbSession::handle(GdbPacketReader::Event event, std::string const& packet) {
    using Event = GdbPacketReader::Event;
    switch (event) {
    case Event::interrupt:
        if (state_ == State::running) target_.interrupt();
        return;
    case Event::again: output_ += last_; return;
    case Event::broken:
        if (acknowledge_) output_ += '-';
        return;
    case Event::packet:
        if (acknowledge_) output_ += '+';
        // While the target runs the debugger waits for its stop, and asks nothing.
        if (state_ == State::stopped || state_ == State::ended) obey(packet);
        return;
    }
}

void GdbSession::reply(std::string_view payload) {
    last_ = frame_gdb_packet(payload);
    output_ += last_;
}

void GdbSession::target_stopped() {
    stop_ = target_.take_stop();
    state_ = stop_.reason == DebugStop::Reason::ended ? State::ended : State::stopped;
    processor_ = stop_.processor;
    reply(gdb_stop_reply(stop_, names_breakpoints_));
}

void GdbSession::let_go() {
    if (state_ == State::stopped) target_.let_go();
    state_ = State::detached;
}

/// The packets that do not simply get an answer.
void GdbSession::obey(std::string_view packet) {
    if (packet == "k") {
        target_.kill();
        state_ = State::killed;
    } else if (packet.starts_with("vKill")) {
        target_.kill();
        state_ = State::killed;
        reply(gdb_ok);
    } else if (packet.starts_with("D")) {
        reply(gdb_ok);
        let_go();
    } else if (packet == "QStartNoAckMode") {
        reply(gdb_ok);
        acknowledge_ = false;
    } else if (packet.starts_with("vCont;")) {
        auto const kinds = parse_vcont(packet.substr(6), target_.processors());
        if (!kinds) return reply(gdb_bad_request);
        resume(*kinds);
    } else if (packet.starts_with("c") || packet.starts_with("s")) {
        resume(packet[0] == 's' ? ResumeKind::step : ResumeKind::run, packet.substr(1));
    } else if (packet.starts_with("C") || packet.starts_with("S")) {
        // Csignal;address. A guest has no signals.
        auto const [signal, address] = split_at(packet.substr(1), ';');
        resume(packet[0] == 'S' ? ResumeKind::step : ResumeKind::run, address);
    } else {
        reply(answer(packet));
    }
}

std::string GdbSession::answer(std::string_view packet) {
    if (packet.empty()) return {};
    std::string_view const rest = packet.substr(1);
    switch (packet[0]) {
    case '?': return gdb_stop_reply(stop_, names_breakpoints_);
    case 'g': return gdb_all_registers(target_.registers(processor_));
    case 'G': return write_all_registers(rest);
    case 'p': return read_register(rest);
    case 'P': return write_register(rest);
    case 'm': return read_memory(rest);
    case 'M': return write_memory(rest, false);
    case 'X': return write_memory(rest, true);
    case 'Z':
    case 'z': return change_breakpoint(packet);
    case 'H': return choose_thread(rest);
    case 'T':
        return std::string{parse_gdb_thread(rest, target_.processors()) ? gdb_ok : gdb_bad_request};
    case 'q': return answer_query(rest);
    case 'v': return packet == "vCont?" ? "vCont;c;C;s;S" : "";
    // An empty answer says that the packet is not supported.
    default: return {};
    }
}

std::string GdbSession::answer_query(std::string_view packet) {
    constexpr std::string_view features = "Xfer:features:read:target.xml:";
    if (packet.starts_with("Supported")) {
        names_breakpoints_ = packet.find("swbreak+") != std::string_view::npos &&
                             packet.find("hwbreak+") != std::string_view::npos;
        return fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;vContSupported+;"
                           "swbreak+;hwbreak+",
                           GdbPacketReader::most_packet_bytes);
    }
    if (packet.starts_with(features)) return answer_features(packet.substr(features.size()));
    if (packet == "C") return fmt::format("QC{:x}", processor_ + 1);
    if (packet == "fThreadInfo") return all_threads();
    if (packet == "sThreadInfo") return "l";
    if (packet.starts_with("ThreadExtraInfo,")) return thread_text(split_at(packet, ',').second);
    // To a target that was there before it, a debugger that quits says farewell, and does not kill.
    if (packet.starts_with("Attached")) return "1";
    return {};
}

/// Hg: registers and memory are asked of it; Hc, which vCont has replaced: the packet `s` steps it.
std::string GdbSession::choose_thread(std::string_view packet) {
    if (packet.empty()) return std::string{gdb_bad_request};
    auto const thread = parse_gdb_thread(packet.substr(1), target_.processors());
    if (!thread) return std::string{gdb_bad_request};
    if (*thread > any_gdb_thread) processor_ = static_cast<unsigned>(*thread - 1);
    return std::string{gdb_ok};
}

std::string GdbSession::thread_text(std::string_view id) {
    auto const thread = parse_gdb_thread(id, target_.processors());
    if (!thread || *thread <= any_gdb_thread) return std::string{gdb_bad_request};
    auto const text = target_.processor_text(static_cast<unsigned>(*thread - 1));
    return to_hex(std::as_bytes(std::span{text}));
}

std::string GdbSession::all_threads() const {
    std::string all;
    for (unsigned n = 1; n <= target_.processors(); ++n)
        all += fmt::format("{}{:x}", n == 1 ? 'm' : ',', n);
    return all;
}

std::string GdbSession::answer_features(std::string_view range) const {
    auto const numbers = parse_range(range);
    if (!numbers) return std::string{gdb_bad_request};
    std::string const& all = gdb_target_description();
    if (numbers->first >= all.size()) return "l";
    std::string const part = all.substr(numbers->first, numbers->second);
    bool const last = numbers->first + part.size() == all.size();
    return (last ? "l" : "m") + part;
}

std::string GdbSession::read_register(std::string_view arguments) {
    auto const number = parse_hex(arguments);
    if (!number || *number >= gdb_register_count()) return std::string{gdb_bad_request};
    return gdb_register_value(target_.registers(processor_), *number);
}

std::string GdbSession::write_register(std::string_view arguments) {
    auto const [name, value] = split_at(arguments, '=');
    auto const number = parse_hex(name);
    DebugRegisters registers = target_.registers(processor_);
    if (!number || *number >= gdb_register_count() ||
        !set_gdb_register(registers, *number, value) ||
        !target_.set_registers(processor_, registers))
        return std::string{gdb_bad_request};
    return std::string{gdb_ok};
}

std::string GdbSession::write_all_registers(std::string_view hex) {
    DebugRegisters registers = target_.registers(processor_);
    if (!set_all_gdb_registers(registers, hex) || !target_.set_registers(processor_, registers))
        return std::string{gdb_bad_request};
    return std::string{gdb_ok};
}

std::string GdbSession::read_memory(std::string_view arguments) {
    auto const range = parse_range(arguments);
    if (!range || range->second > GdbPacketReader::most_packet_bytes / 2)
        return std::string{gdb_bad_request};
    std::vector<std::byte> bytes(range->second);
    std::size_t const read = target_.read_memory(processor_, Gva{range->first}, bytes);
    if (read == 0 && !bytes.empty()) return std::string{gdb_bad_address};
    return to_hex(std::span{bytes}.first(read));
}

std::string GdbSession::write_memory(std::string_view arguments, bool binary) {
    auto const [place, data] = split_at(arguments, ':');
    auto const range = parse_range(place);
    std::string bytes;
    if (binary) bytes = data;
    if (!range || (!binary && !append_from_hex(data, bytes)) || bytes.size() != range->second)
        return std::string{gdb_bad_request};
    auto const from = std::as_bytes(std::span{bytes});
    // All or nothing: what can be read can be written, permissions apart, which nobody asks for.
    std::vector<std::byte> there(from.size());
    if (target_.read_memory(processor_, Gva{range->first}, there) != there.size())
        return std::string{gdb_bad_address};
    bool const written = target_.write_memory(processor_, Gva{range->first}, from) == from.size();
    return std::string{written ? gdb_ok : gdb_bad_address};
}

/// Zn,address,kind: the kind is how many bytes are watched; of the others the length of the
/// instruction that a target puts there, its own affair on x86.
std::string GdbSession::change_breakpoint(std::string_view packet) {
    if (packet.size() < 3 || packet[2] != ',') return std::string{gdb_bad_request};
    auto const kind = breakpoint_kind(packet[1]);
    if (!kind) return {};
    auto const range = parse_range(packet.substr(3));
    bool const watches = watches_data(*kind);
    if (!range || (watches && range->second == 0)) return std::string{gdb_bad_request};
    if (watches && !target_.can_watch()) return fmt::format("E.{}", no_watchpoints);
    Breakpoint const breakpoint{*kind, Gva{range->first}, watches ? range->second : 1};
    if (packet[0] == 'Z') {
        // The protocol asks that setting one twice does no more than setting it once.
        if (breakpoints_.contains(breakpoint)) return std::string{gdb_ok};
        if (!target_.set_breakpoint(processor_, breakpoint)) return std::string{gdb_bad_address};
        breakpoints_.insert(breakpoint);
    } else if (breakpoints_.erase(breakpoint) != 0 && !target_.remove_breakpoint(breakpoint)) {
        return std::string{gdb_bad_address};
    }
    return std::string{gdb_ok};
}

/// The packets that are older than vCont: all run, or one steps.
void GdbSession::resume(ResumeKind kind, std::string_view address) {
    if (!address.empty()) {
        auto const rip = parse_hex(address);
        DebugRegisters registers = target_.registers(processor_);
        if (!rip) return reply(gdb_bad_request);
        registers.rip = *rip;
        if (!target_.set_registers(processor_, registers)) return reply(gdb_bad_request);
    }
    bool const all = kind == ResumeKind::run;
    std::vector kinds(target_.processors(), all ? kind : ResumeKind::stay);
    kinds[processor_] = kind;
    resume(kinds);
}

void GdbSession::resume(std::span<ResumeKind const> kinds) {
    if (state_ == State::ended) return reply(gdb_stop_reply(stop_, names_breakpoints_));
    state_ = State::running;
    target_.resume(kinds);
}

} // namespace twofold::vmm
