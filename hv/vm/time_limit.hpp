// How long a guest may run: in all, and at a stretch while others wait.
#pragma once

#include "hv/vmx/instructions.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace twofold::hv {

/// Ticks of a guest's own, counted down by its preemption timer: what the hypervisor does for it
/// does not count, nor what others do.
struct TimeLimit {
    /// Nothing: for ever.
    std::optional<std::uint64_t> ticks_left;
    /// The guest's turn while others wait.
    std::uint64_t turn;
    unsigned timer_shift;
    /// What the timer was last set to.
    std::uint64_t loaded = 0;

    [[nodiscard]] bool used_up() const { return ticks_left && *ticks_left == 0; }

    /// Sets the current VMCS's timer to what is left, or to one turn.
    void set_timer(bool others_wait) {
        constexpr std::uint64_t largest = 0xffff'ffff;
        std::uint64_t wanted = ticks_left ? (*ticks_left >> timer_shift) + 1 : largest;
        if (others_wait) wanted = std::min(wanted, (turn >> timer_shift) + 1);
        std::uint64_t const value = std::min(wanted, largest);
        loaded = value << timer_shift;
        write_vmcs(VmcsField32::preemption_timer, static_cast<std::uint32_t>(value));
    }

    /// Takes off what has run since the timer was set, as the current VMCS has it.
    void charge() {
        std::uint64_t const left = std::uint64_t{read_vmcs(VmcsField32::preemption_timer)}
                                   << timer_shift;
        std::uint64_t const ran = loaded - std::min(left, loaded);
        if (ticks_left) *ticks_left -= std::min(*ticks_left, ran);
        loaded = left;
    }
};

} // namespace twofold::hv
