#include "engine/access_trace.hpp"

#include <charconv>
#include <utility>

namespace twofold::vmm {

namespace {

/// The hexadecimal number at the front of `text`, with or without "0x".
std::optional<std::uint64_t> number_at_front(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    std::uint64_t value = 0;
    auto const [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || rest == text.data()) return std::nullopt;
    return value;
}

struct TracedInstruction {
    std::uint64_t address;
    std::string_view text;
};

/// "(0).[5089951] [0x000000148036] 0008:0000000000401036 (unk. ctxt): lea rsp, ...". The selector
/// and the offset of it; segments are taken to begin at 0.
std::optional<TracedInstruction> traced_instruction(std::string_view line) {
    if (!line.starts_with("(0).[")) return std::nullopt;
    auto const physical = line.find("] [0x");
    if (physical == std::string_view::npos) return std::nullopt;
    auto const colon = line.find(':', physical);
    auto const text = line.find("): ", physical);
    if (colon == std::string_view::npos || text == std::string_view::npos) return std::nullopt;
    auto const address = number_at_front(line.substr(colon + 1));
    if (!address) return std::nullopt;
    return TracedInstruction{*address, line.substr(text + 3)};
}

/// "[CPU0 WR]: LIN 0x0000000000037b90 PHY ..."
std::optional<TraceAccess> traced_data(std::string_view line) {
    constexpr std::string_view read = "[CPU0 RD]: LIN ";
    constexpr std::string_view write = "[CPU0 WR]: LIN ";
    bool const is_write = line.starts_with(write);
    if (!is_write && !line.starts_with(read)) return std::nullopt;
    auto const address = number_at_front(line.substr(read.size()));
    if (!address) return std::nullopt;
    return TraceAccess{Gva{*address}, is_write ? Access::write : Access::read};
}

} // namespace

void GuestAccessFilter::add_line(std::string_view line) {
    if (!enabled_) {
        enabled_ = line.starts_with("Tracing enabled");
        return;
    }
    if (auto const data = traced_data(line)) {
        // Of an entry: the event that is delivered with it.
        if (state_ != State::hypervisor) take_(*data);
        return;
    }
    if (auto const instruction = traced_instruction(line))
        return add_instruction(instruction->address, instruction->text);
    // A guest's own accesses touch no VMCS: the processor leaves the guest.
    if (state_ == State::guest && line.ends_with("; VMCS")) state_ = State::hypervisor;
}

void GuestAccessFilter::add_instruction(std::uint64_t address, std::string_view text) {
    bool const first_after_exit = state_ == State::hypervisor && !exit_handler_;
    if (first_after_exit) exit_handler_ = address;
    // The entry came to an exit before the guest's first instruction.
    if (state_ == State::entering)
        state_ = address == exit_handler_ ? State::hypervisor : State::guest;
    if (state_ == State::hypervisor) {
        if (text.starts_with("vmresume") || text.starts_with("vmlaunch")) {
            state_ = State::entering;
            resumed_ = true;
        }
        return;
    }
    bool const again = std::exchange(resumed_, false) && address == last_;
    last_ = address;
    if (!again) take_({Gva{address}, Access::execute});
}

} // namespace twofold::vmm
