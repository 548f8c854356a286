// Where every VM exit arrives. What guests do often is answered here in a straight line; each tick
// on this path is a tick of every exit.
#include "hv/cpu/tick.hpp"
#include "hv/vm/cpuid_policy.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/explain_shortage.hpp"
#include "hv/vm/scheduler.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/invalidate.hpp"

#include <twofold/abi/hypercall.hpp>
#include <twofold/paging/walk.hpp>

namespace twofold::hv {

namespace {

bool handle_cpuid(Registers& registers) {
    auto const result = guest_cpuid(static_cast<std::uint32_t>(registers.rax),
                                    static_cast<std::uint32_t>(registers.rcx));
    registers.rax = result.eax;
    registers.rbx = result.ebx;
    registers.rcx = result.ecx;
    registers.rdx = result.edx;
    skip_instruction();
    return true;
}

bool handle_vmcall(Guest& guest, Registers& registers) {
    skip_instruction();
    if (registers.rax == static_cast<std::uint64_t>(abi::Hypercall::nothing)) return true;
    return handle_hypercall(guest, registers);
}

EptViolationQualification read_qualification() {
    return EptViolationQualification{read_vmcs(VmcsFieldNatural::exit_qualification)};
}
[[gnu::always_inline]] inline Violation read_violation(EptViolationQualification qualification) {
    return {.gpa = Gpa{read_vmcs(VmcsField64::guest_physical_address)},
            .access = qualification.access(),
            .gva = std::nullopt,
            .during_walk = qualification.during_walk()};
}

/// Apart, so that violations that are answered need none of its stack.
[[gnu::noinline, gnu::cold]] bool end_for(Guest& guest, SpaceError error, Violation violation,
                                          EptViolationQualification qualification) {
    if (qualification.has_linear_address())
        violation.gva = Gva{read_vmcs(VmcsFieldNatural::guest_linear_address)};
    return guest.end_with(stop_reason_of(error), 1, [&](auto& sink) {
        sink(violation.access == Access::write     ? "a write to gpa "
             : violation.access == Access::execute ? "a fetch from gpa "
                                                   : "a read of gpa ");
        abi::put_hexadecimal(sink, violation.gpa.value());
        if (violation.gva) {
            sink(violation.during_walk ? " by the walk of gva " : ", gva ");
            abi::put_hexadecimal(sink, violation.gva->value());
        }
        sink(": ");
        explain(guest, error, sink);
    });
}

[[gnu::always_inline]] inline void count(ViolationStatistics& statistics,
                                         Violation const& violation) {
    switch (violation.access) {
    case Access::read: ++statistics.reads; break;
    case Access::write: ++statistics.writes; break;
    case Access::execute: ++statistics.executes; break;
    }
    if (violation.during_walk) ++statistics.during_walk;
}

/// The violation is answered: the guest repeats the access, or what was being delivered to it.
[[gnu::always_inline]] inline void go_on(Guest& guest, Duty duty, Violation const& violation,
                                         EptViolationQualification qualification,
                                         std::uint64_t begin) {
    carry_out(duty, guest.ept_pointer);

    InterruptionInformation const event{read_vmcs(VmcsField32::idt_vectoring_information)};
    if (event.valid()) {
        ++guest.violations.during_delivery;
        inject_interrupted_event();
    } else if (qualification.nmi_unblocked_by_iret()) {
        block_nmis_again();
    }
    count(guest.violations, violation);
    guest.violations.count_ticks(read_ticks() - begin);
}

/// A violation that could not be answered at once: frames are found for it, if any can be.
[[gnu::noinline, gnu::cold]] bool handle_shortage(Guest& guest, SpaceError error,
                                                  std::uint64_t begin) {
    EptViolationQualification const qualification = read_qualification();
    Violation const violation = read_violation(qualification);
    if (!guest.scheduler.can_find_frames(error))
        return end_for(guest, error, violation, qualification);
    auto const resolution =
        guest.scheduler.with_frames([&] { return guest.space.resolve(violation); });
    if (!resolution) return end_for(guest, resolution.error(), violation, qualification);
    guest.time.look_after_next_exit();
    go_on(guest, resolution->duty, violation, qualification, begin);
    return true;
}

} // namespace

bool handle_violation(Guest& guest) {
    std::uint64_t const begin = read_ticks();
    EptViolationQualification const qualification = read_qualification();
    Violation const violation = read_violation(qualification);
    auto const resolution = guest.space.resolve(violation);
    if (!resolution) return handle_shortage(guest, resolution.error(), begin);
    go_on(guest, resolution->duty, violation, qualification, begin);
    return true;
}

bool handle_misconfiguration(Guest& guest) {
    if (probe_answers_exit(guest)) return true;
    Gpa const gpa{read_vmcs(VmcsField64::guest_physical_address)};
    auto const found = walk(guest.space.format(), guest.space.root(), gpa, guest.space.memory());
    return guest.end_with("misconfiguration", 1, [&](auto& sink) {
        sink("the EPT entry for gpa ");
        abi::put_hexadecimal(sink, gpa.value());
        if (!found && found.error().reason == WalkFaultReason::malformed) {
            sink(" at level ");
            abi::put_decimal(sink, found.error().level);
            sink(" has reserved bits set: ");
            abi::put_hexadecimal(sink, found.error().bits);
        } else {
            sink(" is misconfigured for the processor, though well formed for the walker");
        }
    });
}

/// enter.S calls this for every exit. Returns whether the guest resumes.
extern "C" bool handle_exit(Guest* guest, Registers* registers);
bool handle_exit(Guest* guest, Registers* registers) {
    std::uint32_t const reason = read_vmcs(VmcsField32::exit_reason);
    if (reason >= vm_exit_reasons) return handle_rare_exit(*guest, reason);
    ++guest->exits[reason];
    if (--guest->time.exits_until_look == 0 && !look_at_clock(*guest)) return false;
    switch (static_cast<VmExitReason>(reason)) {
        using enum VmExitReason;
    case ept_violation: return handle_violation(*guest);
    case cpuid: return handle_cpuid(*registers);
    case vmcall: return handle_vmcall(*guest, *registers);
    case io_instruction: return handle_port_access(*guest, *registers);
    case rdmsr: return handle_msr_read(*guest, *registers);
    case wrmsr: return handle_msr_write(*guest, *registers);
    case control_register_access: return handle_control_register(*guest, *registers);
    case ept_misconfiguration: return handle_misconfiguration(*guest);
    case exception_or_nmi: return handle_exception(*guest);
    case preemption_timer: return handle_timer(*guest, *registers);
    default: return handle_rare_exit(*guest, reason);
    }
}

} // namespace twofold::hv
