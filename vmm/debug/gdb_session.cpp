#include "debug/gdb_session.hpp"

#include "debug/gdb_numbers.hpp"
#include "debug/gdb_registers.hpp"

#include <fmt/format.h>

#include <algorithm>
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
/// There is one thread.
constexpr std::string_view gdb_thread = "1";

/// Of one thread; -1 are all of them, 0 is any.
bool is_thread(std::string_view id) {
    return id == "-1" || parse_hex(id) == 0 || parse_hex(id) == 1;
}

/// Signal numbers as GDB has them.
std::string stop_reply_of(DebugStop const& stop) {
    switch (stop.reason) {
    case DebugStop::Reason::trap: return "T05thread:1;";
    case DebugStop::Reason::interrupted: return "T02thread:1;";
    case DebugStop::Reason::fault: return "T0bthread:1;";
    case DebugStop::Reason::ended: return fmt::format("W{:02x}", stop.exit_status);
    }
    return {};
}

} // namespace

GdbSession::GdbSession(DebugTarget& target)
    : target_(target), reader_([this](GdbPacketReader::Event event, std::string const& packet) {
          handle(event, packet);
      }),
      stop_reply_("T05thread:1;") {}

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
    DebugStop const stop = target_.take_stop();
    state_ = stop.reason == DebugStop::Reason::ended ? State::ended : State::stopped;
    stop_reply_ = stop_reply_of(stop);
    reply(stop_reply_);
}

void GdbSession::let_go() {
    if (state_ == State::stopped) {
        for (auto const& [kind, gva] : breakpoints_)
            (void)target_.remove_breakpoint(kind, gva);
        breakpoints_.clear();
        target_.resume(ResumeKind::run);
    }
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
        resume_by_vcont(packet.substr(6));
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
    case '?': return stop_reply_;
    case 'g': return gdb_all_registers(target_.registers());
    case 'G': return write_all_registers(rest);
    case 'p': return read_register(rest);
    case 'P': return write_register(rest);
    case 'm': return read_memory(rest);
    case 'M': return write_memory(rest, false);
    case 'X': return write_memory(rest, true);
    case 'Z':
    case 'z': return change_breakpoint(packet);
    // Hg and Hc: the thread that the packets to come are about.
    case 'H':
        return std::string{is_thread(packet.substr(std::min<std::size_t>(2, packet.size())))
                               ? gdb_ok
                               : gdb_bad_request};
    case 'T': return std::string{is_thread(rest) ? gdb_ok : gdb_bad_request};
    case 'q': return answer_query(rest);
    case 'v': return packet == "vCont?" ? "vCont;c;C;s;S" : "";
    // An empty answer says that the packet is not supported.
    default: return {};
    }
}

std::string GdbSession::answer_query(std::string_view packet) {
    constexpr std::string_view features = "Xfer:features:read:target.xml:";
    if (packet.starts_with("Supported")) {
        return fmt::format("PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;vContSupported+",
                           GdbPacketReader::most_packet_bytes);
    }
    if (packet.starts_with(features)) return answer_features(packet.substr(features.size()));
    if (packet == "C") return fmt::format("QC{}", gdb_thread);
    if (packet == "fThreadInfo") return fmt::format("m{}", gdb_thread);
    if (packet == "sThreadInfo") return "l";
    // To a target that was there before it, a debugger that quits says farewell, and does not kill.
    if (packet.starts_with("Attached")) return "1";
    return {};
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
    return gdb_register_value(target_.registers(), *number);
}

std::string GdbSession::write_register(std::string_view arguments) {
    auto const [name, value] = split_at(arguments, '=');
    auto const number = parse_hex(name);
    DebugRegisters registers = target_.registers();
    if (!number || *number >= gdb_register_count() ||
        !set_gdb_register(registers, *number, value) || !target_.set_registers(registers))
        return std::string{gdb_bad_request};
    return std::string{gdb_ok};
}

std::string GdbSession::write_all_registers(std::string_view hex) {
    DebugRegisters registers = target_.registers();
    if (!set_all_gdb_registers(registers, hex) || !target_.set_registers(registers))
        return std::string{gdb_bad_request};
    return std::string{gdb_ok};
}

std::string GdbSession::read_memory(std::string_view arguments) {
    auto const range = parse_range(arguments);
    if (!range || range->second > GdbPacketReader::most_packet_bytes / 2)
        return std::string{gdb_bad_request};
    std::vector<std::byte> bytes(range->second);
    std::size_t const read = target_.read_memory(Gva{range->first}, bytes);
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
    if (target_.read_memory(Gva{range->first}, there) != there.size())
        return std::string{gdb_bad_address};
    bool const written = target_.write_memory(Gva{range->first}, from) == from.size();
    return std::string{written ? gdb_ok : gdb_bad_address};
}

/// Z0,address,kind: the kind is the length of the instruction that a target puts there, its own
/// affair on x86.
std::string GdbSession::change_breakpoint(std::string_view packet) {
    if (packet.size() < 3 || packet[2] != ',') return std::string{gdb_bad_request};
    // Watchpoints are not supported.
    if (packet[1] != '0' && packet[1] != '1') return {};
    auto const kind = packet[1] == '0' ? BreakpointKind::software : BreakpointKind::hardware;
    auto const range = parse_range(packet.substr(3));
    if (!range) return std::string{gdb_bad_request};
    Gva const gva{range->first};
    if (packet[0] == 'Z') {
        // The protocol asks that setting one twice does no more than setting it once.
        if (breakpoints_.contains({kind, gva})) return std::string{gdb_ok};
        if (!target_.set_breakpoint(kind, gva)) return std::string{gdb_bad_address};
        breakpoints_.insert({kind, gva});
    } else if (breakpoints_.erase({kind, gva}) != 0 && !target_.remove_breakpoint(kind, gva)) {
        return std::string{gdb_bad_address};
    }
    return std::string{gdb_ok};
}

void GdbSession::resume(ResumeKind kind, std::string_view address) {
    if (state_ == State::ended) return reply(stop_reply_);
    if (!address.empty()) {
        auto const rip = parse_hex(address);
        DebugRegisters registers = target_.registers();
        if (!rip) return reply(gdb_bad_request);
        registers.rip = *rip;
        if (!target_.set_registers(registers)) return reply(gdb_bad_request);
    }
    state_ = State::running;
    target_.resume(kind);
}

/// action[:thread][;action...]: there is one thread, so that the first action is its own.
void GdbSession::resume_by_vcont(std::string_view actions) {
    std::string_view const action = split_at(split_at(actions, ';').first, ':').first;
    if (action.starts_with("s") || action.starts_with("S")) return resume(ResumeKind::step, {});
    if (action.starts_with("c") || action.starts_with("C")) return resume(ResumeKind::run, {});
    reply(gdb_bad_request);
}

} // namespace twofold::vmm
