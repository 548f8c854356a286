// One guest: its space, its virtual processor's state beside the VMCS, its devices and its figures.
#pragma once

#include "hv/device/guest_console.hpp"
#include "hv/vm/dirty_logging.hpp"
#include "hv/vm/ept_probe.hpp"
#include "hv/vm/host_memory.hpp"
#include "hv/vm/processor_state.hpp"
#include "hv/vm/time_limit.hpp"
#include "hv/vmx/registers.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/abi/text.hpp>
#include <twofold/arch/vm_exit_reason.hpp>
#include <twofold/device/guest_uart.hpp>

#include <boost/intrusive/list.hpp>

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

class Scheduler;

/// A guest lives in a frame of its own, which is its scheduler's.
struct Guest {
    Scheduler& scheduler;
    /// Of the report: its place in the bundle; clones have those behind it.
    std::uint32_t index;
    std::string_view name;
    abi::GuestRecord record;
    Hpa vmcs;
    Space space;
    std::uint64_t ept_pointer;
    std::uint16_t vpid;
    unsigned physical_bits;
    TimeLimit time;
    /// The guest that it was cloned from, if it was.
    std::optional<std::uint32_t> parent{};
    /// While it does not run: the general registers, and the rest that the VMCS does not hold.
    Registers registers{};
    ProcessorState processor = ProcessorState::after_reset();
    /// VMLAUNCH has been executed; from then on it is VMRESUME.
    bool launched = false;
    /// It gave the rest of its last turn away.
    bool yielded = false;
    boost::intrusive::list_member_hook<> waiting{};
    GuestUart uart{};
    GuestConsole console{};
    /// What the guest last wrote to MSRs that are only remembered.
    std::uint64_t misc_enable = 1;
    std::uint64_t apic_base = 0xfee0'0900;
    std::uint64_t cr8 = 0;
    std::array<std::uint64_t, vm_exit_reasons> exits{};
    std::uint64_t unknown_ports = 0;
    std::uint64_t unknown_msrs = 0;
    ViolationStatistics violations{};
    /// In a frame of its own; nothing while no log is kept.
    DirtyLogging* dirty = nullptr;
    /// From entries to exits that did not resume, the hypervisor's answers in between included.
    std::uint64_t ticks_run = 0;
    /// What that was when its working set was last looked at.
    std::uint64_t ticks_looked_at = 0;
    /// How often it was given the processor.
    std::uint64_t turns = 0;
    std::optional<Stop> stop{};

    /// The processor sets accessed and dirty bits in its EPT.
    [[nodiscard]] bool sets_accessed_dirty() const { return (ept_pointer & bit(6)) != 0; }

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

static_assert(sizeof(Guest) <= 4096);

inline bool Guest::end(std::string_view reason, std::uint8_t code, std::string_view message) {
    return end_with(reason, code, [&](auto& sink) { sink(message); });
}

} // namespace twofold::hv
