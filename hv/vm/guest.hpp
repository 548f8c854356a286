// One guest: its space, its virtual processor's state beside the VMCS, its devices and its figures.
#pragma once

#include "hv/device/guest_uart.hpp"
#include "hv/vm/host_memory.hpp"

#include <twofold/abi/text.hpp>
#include <twofold/arch/vm_exit_reason.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold::hv {

/// Why a guest's life ended.
struct Stop {
    /// As abi/report.hpp has it.
    std::string_view reason;
    /// What the command exits with.
    std::uint8_t code;
    abi::TextBuffer<320> message;
};

/// EPT violations that were answered, and the ticks from each exit to just before the guest
/// resumes.
struct ViolationStatistics {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t executes = 0;
    std::uint64_t during_walk = 0;
    /// Of those, how many came while an event was delivered, which was injected once more.
    std::uint64_t during_delivery = 0;
    std::uint64_t ticks = 0;
    std::uint64_t ticks_min = ~std::uint64_t{0};
    std::uint64_t ticks_max = 0;

    void count_ticks(std::uint64_t spent) {
        ticks += spent;
        ticks_min = std::min(ticks_min, spent);
        ticks_max = std::max(ticks_max, spent);
    }
};

/// How long a guest may run. The preemption timer counts only what passes in the guest; the
/// hypervisor's own time on its behalf counts as well, so the clock is looked at after a number of
/// exits too.
struct TimeLimit {
    static constexpr std::uint32_t exits_between_looks = 64;

    /// The tick at which its time is over; nothing: never.
    std::optional<std::uint64_t> deadline;
    unsigned timer_shift;
    std::uint32_t exits_until_look = exits_between_looks;

    /// For exits that take long.
    void look_after_next_exit() { exits_until_look = 1; }
};

struct Guest {
    std::uint32_t index;
    std::string_view name;
    Space space;
    std::uint64_t ept_pointer;
    std::uint16_t vpid;
    unsigned physical_bits;
    TimeLimit time;
    GuestUart uart{};
    /// What the guest last wrote to MSRs that are only remembered.
    std::uint64_t misc_enable = 1;
    std::uint64_t apic_base = 0xfee0'0900;
    std::uint64_t cr8 = 0;
    std::array<std::uint64_t, vm_exit_reasons> exits{};
    std::uint64_t unknown_ports = 0;
    std::uint64_t unknown_msrs = 0;
    ViolationStatistics violations{};
    std::optional<Stop> stop{};

    /// Ends the guest's life. Returns false, for handlers to return: the guest does not resume.
    bool end(std::string_view reason, std::uint8_t code, std::string_view message);
    /// The same, with the message written by `write(sink)`.
    template <class Write>
    bool end_with(std::string_view reason, std::uint8_t code, Write&& write) {
        stop.emplace(Stop{reason, code, {}});
        write(stop->message);
        return false;
    }
};

inline bool Guest::end(std::string_view reason, std::uint8_t code, std::string_view message) {
    return end_with(reason, code, [&](auto& sink) { sink(message); });
}

} // namespace twofold::hv
