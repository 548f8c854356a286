// Events that a guest is to receive with its next entry.
#pragma once

#include "hv/vmx/instructions.hpp"

#include <twofold/arch/exception.hpp>
#include <twofold/arch/exit_qualification.hpp>

#include <cstdint>

namespace twofold::hv {

/// Injects an exception. `error_code` is ignored for vectors without one, and in real mode.
inline void inject_exception(std::uint8_t vector, std::uint32_t error_code = 0) {
    bool const protected_mode = (read_vmcs(VmcsFieldNatural::guest_cr0) & 1) != 0;
    bool const has_code = exception_has_error_code(vector) && protected_mode;
    auto const information = InterruptionInformation::exception(vector, has_code);
    write_vmcs(VmcsField32::entry_interruption_information, information.for_entry());
    if (has_code) write_vmcs(VmcsField32::entry_exception_error_code, error_code);
}

/// An exit may have come while an event was being delivered to the guest. Then the event is lost
/// unless it is injected once more (Intel SDM vol. 3, "Information for VM Exits That Occur During
/// Event Delivery").
inline void inject_interrupted_event() {
    InterruptionInformation const event{read_vmcs(VmcsField32::idt_vectoring_information)};
    if (!event.valid()) return;
    write_vmcs(VmcsField32::entry_interruption_information, event.for_entry());
    if (event.has_error_code()) {
        write_vmcs(VmcsField32::entry_exception_error_code,
                   read_vmcs(VmcsField32::idt_vectoring_error_code));
    }
    if (event.from_instruction()) {
        write_vmcs(VmcsField32::entry_instruction_length,
                   read_vmcs(VmcsField32::exit_instruction_length));
    }
}

/// An IRET that faulted has unblocked NMIs already; they must be blocked again before it is
/// repeated ("VM Exits Due to EPT Violations" and "Information for VM Exits Due to Vectored
/// Events").
inline void block_nmis_again() {
    constexpr std::uint32_t blocking_by_nmi = 8;
    write_vmcs(VmcsField32::guest_interruptibility,
               read_vmcs(VmcsField32::guest_interruptibility) | blocking_by_nmi);
}

inline constexpr std::uint32_t blocking_by_sti_or_mov_ss = 3;

inline bool in_shadow_of_sti_or_mov_ss() {
    return (read_vmcs(VmcsField32::guest_interruptibility) & blocking_by_sti_or_mov_ss) != 0;
}

inline bool single_steps() {
    constexpr std::uint64_t trap_flag = bit(8);
    return (read_vmcs(VmcsFieldNatural::guest_rflags) & trap_flag) != 0;
}

/// With RFLAGS.TF set the guest is due a #DB after the instruction that is over. In the shadow of
/// STI and MOV SS an entry fails without it ("Checks on Guest Non-Register State").
inline void pend_single_step() {
    constexpr std::uint64_t single_step = bit(14);
    if (!single_steps()) return;
    write_vmcs(VmcsFieldNatural::guest_pending_debug_exceptions,
               read_vmcs(VmcsFieldNatural::guest_pending_debug_exceptions) | single_step);
}

/// Steps over the instruction that exited.
inline void skip_instruction() {
    write_vmcs(VmcsFieldNatural::guest_rip, read_vmcs(VmcsFieldNatural::guest_rip) +
                                                read_vmcs(VmcsField32::exit_instruction_length));
    std::uint32_t const blocking = read_vmcs(VmcsField32::guest_interruptibility);
    if ((blocking & blocking_by_sti_or_mov_ss) != 0) {
        write_vmcs(VmcsField32::guest_interruptibility, blocking & ~blocking_by_sti_or_mov_ss);
    }
    if (single_steps()) pend_single_step();
}

} // namespace twofold::hv
