// RDMSR and WRMSR: a short list is emulated or passed on; every other register does not exist for
// guests (#GP).
#include "hv/cpu/msr.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/guest_state.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

#include <optional>

namespace twofold::hv {

namespace {

/// Each byte is one of the types 0, 1, 4, 5, 6, 7 ("Memory Types That Can Be Encoded With PAT").
bool valid_pat(std::uint64_t value) {
    for (unsigned i = 0; i < 8; ++i) {
        std::uint64_t const type = value >> 8 * i & 0xff;
        if (type > 7 || type == 2 || type == 3) return false;
    }
    return true;
}

bool write_efer(std::uint64_t value) {
    constexpr std::uint64_t known = efer::syscall_enable | efer::long_mode_enable |
                                    efer::long_mode_active | efer::execute_disable_enable;
    std::uint64_t const before = read_vmcs(VmcsField64::guest_efer);
    bool const paging = (read_vmcs(VmcsFieldNatural::guest_cr0) & cr0::paging) != 0;
    if ((value & ~known) != 0 || (paging && ((value ^ before) & efer::long_mode_enable) != 0))
        return false;
    // LMA is the processor's: writes do not change it.
    write_vmcs(VmcsField64::guest_efer,
               (value & ~efer::long_mode_active) | (before & efer::long_mode_active));
    return true;
}

std::optional<std::uint64_t> read_guest_msr(Guest const& guest, Msr number) {
    switch (number) {
        using enum Msr;
    case time_stamp_counter: return read_ticks() + read_vmcs(VmcsField64::tsc_offset);
    case apic_base: return guest.apic_base;
    case misc_enable: return guest.misc_enable;
    case bios_update_signature:
    case mtrr_capability: return 0;
    case sysenter_cs: return read_vmcs(VmcsField32::guest_sysenter_cs);
    case sysenter_esp: return read_vmcs(VmcsFieldNatural::guest_sysenter_esp);
    case sysenter_eip: return read_vmcs(VmcsFieldNatural::guest_sysenter_eip);
    case pat: return read_vmcs(VmcsField64::guest_pat);
    case efer: return read_vmcs(VmcsField64::guest_efer);
    case fs_base: return read_vmcs(VmcsFieldNatural::guest_fs_base);
    case gs_base: return read_vmcs(VmcsFieldNatural::guest_gs_base);
    case star:
    case lstar:
    case cstar:
    case fmask:
    case kernel_gs_base: return read_msr(number);
    default: return std::nullopt;
    }
}

/// False: #GP.
bool write_guest_msr(Guest& guest, Msr number, std::uint64_t value) {
    switch (number) {
        using enum Msr;
    case time_stamp_counter: write_vmcs(VmcsField64::tsc_offset, value - read_ticks()); return true;
    case apic_base: guest.apic_base = value; return true;
    case misc_enable: guest.misc_enable = value; return true;
    case bios_update_signature: return true;
    case sysenter_cs:
        write_vmcs(VmcsField32::guest_sysenter_cs, static_cast<std::uint32_t>(value));
        return true;
    case pat:
        if (!valid_pat(value)) return false;
        write_vmcs(VmcsField64::guest_pat, value);
        return true;
    case efer: return write_efer(value);
    case star: write_msr(number, value); return true;
    case fmask:
        if (value >> 32 != 0) return false;
        write_msr(number, value);
        return true;
    default: break;
    }
    // The others hold linear addresses.
    if (!is_canonical(Gva{value})) return false;
    switch (number) {
        using enum Msr;
    case sysenter_esp: write_vmcs(VmcsFieldNatural::guest_sysenter_esp, value); return true;
    case sysenter_eip: write_vmcs(VmcsFieldNatural::guest_sysenter_eip, value); return true;
    case fs_base: write_vmcs(VmcsFieldNatural::guest_fs_base, value); return true;
    case gs_base: write_vmcs(VmcsFieldNatural::guest_gs_base, value); return true;
    case lstar:
    case cstar:
    case kernel_gs_base: write_msr(number, value); return true;
    default: return false;
    }
}

} // namespace

bool handle_msr_read(Guest& guest, Registers& registers) {
    auto const value =
        read_guest_msr(guest, static_cast<Msr>(static_cast<std::uint32_t>(registers.rcx)));
    if (!value) {
        ++guest.unknown_msrs;
        inject_exception(exception::general_protection);
        return true;
    }
    registers.rax = *value & 0xffff'ffff;
    registers.rdx = *value >> 32;
    skip_instruction();
    return true;
}

bool handle_msr_write(Guest& guest, Registers& registers) {
    std::uint64_t const value = registers.rdx << 32 | (registers.rax & 0xffff'ffff);
    if (!write_guest_msr(guest, static_cast<Msr>(static_cast<std::uint32_t>(registers.rcx)),
                         value)) {
        ++guest.unknown_msrs;
        inject_exception(exception::general_protection);
        return true;
    }
    skip_instruction();
    return true;
}

} // namespace twofold::hv
