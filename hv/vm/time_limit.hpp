// How long a guest may run: in all, and at a stretch while others wait.
#pragma once

#include "hv/vmx/instructions.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace twofold::hv {

/// Time passes for a guest while it has its turn, in ticks. The preemption timer counts only what
/// passes in the guest; the hypervisor's own time on its behalf counts as well, so the clock is
/// looked at after a number of exits too.
struct TimeLimit {
    static constexpr std::uint32_t exits_between_looks = 64;
    static constexpr std::uint64_t never = ~std::uint64_t{0};

    /// What was left when its turn began; nothing: without limit.
    std::optional<std::uint64_t> ticks_left;
    /// How long a turn is while others wait.
    std::uint64_t turn;
    unsigned timer_shift;
    std::uint32_t exits_until_look = exits_between_looks;
    /// The ticks at which its turn began, and at which it is over.
    std::uint64_t begin = 0;
    std::uint64_t end = never;

    /// For exits that take long.
    void look_after_next_exit() { exits_until_look = 1; }

    void begin_turn(std::uint64_t now, bool others_wait) {
        begin = now;
        end = others_wait ? now + turn : never;
    }
    void end_turn(std::uint64_t now) { ticks_left = left(now); }
    /// Somebody waits from now on.
    void shorten_turn(std::uint64_t now) { end = std::min(end, now + turn); }

    [[nodiscard]] std::optional<std::uint64_t> left(std::uint64_t now) const {
        if (!ticks_left) return std::nullopt;
        return *ticks_left - std::min(*ticks_left, now - begin);
    }
    [[nodiscard]] bool used_up(std::uint64_t now) const {
        return ticks_left && now - begin >= *ticks_left;
    }

    /// Sets the current VMCS's timer so that the guest is left in time.
    void set_timer(std::uint64_t now) {
        exits_until_look = exits_between_looks;
        constexpr std::uint64_t largest = 0xffff'ffff;
        std::uint64_t wanted = largest;
        if (auto const ticks = left(now)) wanted = std::min(wanted, (*ticks >> timer_shift) + 1);
        if (end != never)
            wanted = std::min(wanted, (end - std::min(end, now)) / (1U << timer_shift) + 1);
        write_vmcs(VmcsField32::preemption_timer, static_cast<std::uint32_t>(wanted));
    }
};

} // namespace twofold::hv
