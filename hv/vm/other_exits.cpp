// Exits that are seldom, or the guest's last.
#include "hv/cpu/tick.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/invalidate.hpp"

namespace twofold::hv {

namespace {

bool inject(std::uint8_t vector) {
    inject_exception(vector);
    return true;
}

/// INVD would lose the hypervisor's own modified lines; write-back is what a guest can be given.
bool handle_cache_flush() {
    asm volatile("wbinvd" : : : "memory");
    skip_instruction();
    return true;
}

bool handle_invlpg(Guest& guest) {
    invalidate_guest_page(guest.vpid, Gva{read_vmcs(VmcsFieldNatural::exit_qualification)});
    skip_instruction();
    return true;
}

/// What the processor does on the way to the handler of #DB, and neither at an exit nor at an
/// injection ("Debug Exceptions" and "Injected-Event Delivery").
void complete_debug_exception() {
    // The exit qualification holds what the processor would have put into DR6 ("Exit Qualification
    // for Debug Exceptions").
    std::uint64_t dr6;
    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    dr6 = (dr6 & ~mask(3, 0)) | (read_vmcs(VmcsFieldNatural::exit_qualification) & 0x600f);
    asm volatile("mov %0, %%dr6" : : "r"(dr6));
    constexpr std::uint64_t general_detect = bit(13);
    write_vmcs(VmcsFieldNatural::guest_dr7,
               read_vmcs(VmcsFieldNatural::guest_dr7) & ~general_detect);
    constexpr std::uint64_t last_branch_record = bit(0);
    std::uint64_t const debug_control = read_vmcs(VmcsField64::guest_debugctl);
    write_vmcs(VmcsField64::guest_debugctl, debug_control & ~last_branch_record);
    if (in_shadow_of_sti_or_mov_ss()) pend_single_step();
}

bool end_halted(Guest& guest) {
    return guest.end("halt", 0, "HLT: nothing is left that could wake the guest");
}

bool end_entry_failure(Guest& guest, VmExitReason basic) {
    return guest.end_with("entry_failure", 1, [&](auto& sink) {
        sink(basic == VmExitReason::entry_failure_guest_state
                 ? "VM entry failed: invalid guest state (Intel SDM, \"Checking and Loading Guest "
                   "State\"), qualification "
                 : "VM entry failed: MSR loading or a machine check, qualification ");
        abi::put_hexadecimal(sink, read_vmcs(VmcsFieldNatural::exit_qualification));
    });
}

bool end_unknown(Guest& guest, std::uint32_t reason) {
    return guest.end_with("unknown_exit", 1, [&](auto& sink) {
        sink("VM exit for reason ");
        abi::put_decimal(sink, reason & 0xffff);
        sink(" (");
        sink(name_of(static_cast<VmExitReason>(reason & 0xffff)));
        sink("), which Twofold does not handle; qualification ");
        abi::put_hexadecimal(sink, read_vmcs(VmcsFieldNatural::exit_qualification));
    });
}

} // namespace

bool handle_exception(Guest& guest) {
    InterruptionInformation const event{read_vmcs(VmcsField32::exit_interruption_information)};
    if (event.type() == InterruptionInformation::Type::non_maskable_interrupt)
        return true; // the machine's, not the guest's
    if (event.vector() == exception::machine_check) {
        return guest.end("unknown_exit", 1,
                         "the machine reported a machine check while the guest ran");
    }
    if (event.vector() == exception::debug) complete_debug_exception();
    std::uint32_t const error_code =
        event.has_error_code() ? read_vmcs(VmcsField32::exit_interruption_error_code) : 0;
    write_vmcs(VmcsField32::entry_interruption_information, event.for_entry());
    if (event.has_error_code()) write_vmcs(VmcsField32::entry_exception_error_code, error_code);
    if (event.from_instruction()) {
        write_vmcs(VmcsField32::entry_instruction_length,
                   read_vmcs(VmcsField32::exit_instruction_length));
    }
    return true;
}

bool handle_rare_exit(Guest& guest, std::uint32_t reason) {
    constexpr std::uint32_t entry_failure = 1U << 31;
    auto const basic = static_cast<VmExitReason>(reason & 0xffff);
    if ((reason & entry_failure) != 0) return end_entry_failure(guest, basic);
    switch (basic) {
        using enum VmExitReason;
    case hlt: return end_halted(guest);
    case triple_fault:
        return guest.end("triple_fault", 1,
                         "an exception could not be delivered, nor could the double fault");
    case page_modification_log_full: return handle_full_log(guest);
    case invlpg: return handle_invlpg(guest);
    case invd:
    case wbinvd: return handle_cache_flush();
    case external_interrupt:
        return true; // all lines are masked; one that was on its way is the machine's
    case rdpmc:
    case xsetbv: return inject(exception::general_protection);
    case getsec:
    case vmclear:
    case vmlaunch:
    case vmptrld:
    case vmptrst:
    case vmread:
    case vmresume:
    case vmwrite:
    case vmxoff:
    case vmxon:
    case mwait:
    case monitor:
    case invept:
    case invvpid:
    case invpcid:
    case rdtscp:
    case vmfunc:
    case xsaves:
    case xrstors: return inject(exception::invalid_opcode);
    default: return end_unknown(guest, reason);
    }
}

} // namespace twofold::hv
