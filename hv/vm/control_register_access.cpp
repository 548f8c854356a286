// Writes to CR0 and CR4 that touch what the hypervisor owns, and all of CR8.
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_access.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/guest_state.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

namespace twofold::hv {

namespace {

using Access = vm_exit::ControlRegister;

bool general_protection() {
    inject_exception(exception::general_protection);
    return true;
}

constexpr unsigned rsp_number = 4;

std::uint64_t operand(Registers& registers, unsigned number) {
    return number == rsp_number ? read_vmcs(VmcsFieldNatural::guest_rsp)
                                : registers.by_number(number);
}

void set_operand(Registers& registers, unsigned number, std::uint64_t value) {
    if (number == rsp_number) {
        write_vmcs(VmcsFieldNatural::guest_rsp, value);
    } else {
        registers.by_number(number) = value;
    }
}

/// With PAE paging, MOV to CR0 and CR4 load the four PDPTEs ("PDPTE Registers"); when it exits that
/// is ours to do.
bool load_pdptes(Guest& guest) {
    std::uint64_t pdptes[4];
    Gpa const table{read_vmcs(VmcsFieldNatural::guest_cr3) & mask(31, 5)};
    if (!guest.space.read(table, std::as_writable_bytes(std::span{pdptes}))) return false;
    for (std::uint64_t const pdpte : pdptes) {
        std::uint64_t const reserved = mask(2, 1) | mask(8, 5) | mask(63, guest.physical_bits);
        if ((pdpte & 1) != 0 && (pdpte & reserved) != 0) return false;
    }
    write_vmcs(VmcsField64::guest_pdpte0, pdptes[0]);
    write_vmcs(VmcsField64::guest_pdpte1, pdptes[1]);
    write_vmcs(VmcsField64::guest_pdpte2, pdptes[2]);
    write_vmcs(VmcsField64::guest_pdpte3, pdptes[3]);
    return true;
}

/// Whether the combination can be written ("Control Registers" and "Paging Modes and Control
/// Bits").
bool valid_cr0(std::uint64_t value) {
    if (value >> 32 != 0) return false;
    if ((value & cr0::paging) != 0 && (value & cr0::protection_enable) == 0) return false;
    return (value & cr0::not_write_through) == 0 || (value & cr0::cache_disable) != 0;
}

/// Turning paging on or off turns IA-32e mode on or off with it when EFER.LME is set. False: #GP.
bool change_paging(Guest& guest, std::uint64_t value) {
    std::uint64_t const efer = read_vmcs(VmcsField64::guest_efer);
    std::uint64_t const cr4 = read_vmcs(VmcsFieldNatural::guest_cr4);
    bool const on = (value & cr0::paging) != 0;
    bool const pae = (cr4 & cr4::physical_address_extension) != 0;
    constexpr std::uint32_t code_is_64_bit = 1U << 13;
    bool const in_64_bit_code =
        (read_vmcs(VmcsField32::guest_cs_access_rights) & code_is_64_bit) != 0;
    if ((efer & efer::long_mode_enable) != 0) {
        if (in_64_bit_code || (on && !pae)) return false;
        write_vmcs(VmcsField64::guest_efer,
                   on ? efer | efer::long_mode_active : efer & ~efer::long_mode_active);
        write_long_mode_active(on);
        return true;
    }
    return !on || !pae || load_pdptes(guest);
}

bool write_cr0(Guest& guest, std::uint64_t value) {
    OwnedBits const owned = owned_bits();
    std::uint64_t const before = read_vmcs(VmcsFieldNatural::guest_cr0);
    if (!valid_cr0(value)) return general_protection();
    if (((value ^ before) & cr0::paging) != 0 && !change_paging(guest, value))
        return general_protection();
    write_vmcs(VmcsFieldNatural::cr0_read_shadow, value | cr0::extension_type);
    write_vmcs(VmcsFieldNatural::guest_cr0,
               (value & ~owned.cr0) | (before & owned.cr0) | cr0::extension_type);
    skip_instruction();
    return true;
}

bool write_cr4(std::uint64_t value) {
    // Only writes that set a bit which is hidden from the guest come here.
    if ((value & owned_bits().cr4_forbidden) != 0) return general_protection();
    skip_instruction();
    return true;
}

bool write_cr8(Guest& guest, std::uint64_t value) {
    if (value > 15) return general_protection();
    guest.cr8 = value;
    skip_instruction();
    return true;
}

/// LMSW sets the low four bits of CR0, and cannot clear PE.
std::uint64_t after_lmsw(std::uint64_t cr0, std::uint16_t machine_status) {
    return (cr0 & ~std::uint64_t{0xe}) | (machine_status & 0xf);
}

} // namespace

bool handle_control_register(Guest& guest, Registers& registers) {
    auto const access = control_register_access(read_vmcs(VmcsFieldNatural::exit_qualification));
    std::uint64_t const visible_cr0 = read_vmcs(VmcsFieldNatural::guest_cr0);
    switch (access.operation) {
        using enum Access::Operation;
    case move_from:
        set_operand(registers, access.register_number, guest.cr8);
        skip_instruction();
        return true;
    case clear_task_switched: return write_cr0(guest, visible_cr0 & ~cr0::task_switched);
    case load_machine_status:
        return write_cr0(guest, after_lmsw(visible_cr0, access.machine_status));
    case move_to: break;
    }
    std::uint64_t const value = operand(registers, access.register_number);
    switch (access.number) {
    case 0: return write_cr0(guest, value);
    case 4: return write_cr4(value);
    case 8: return write_cr8(guest, value);
    default:
        return guest.end("unknown_exit", 1,
                         "an access to a control register that is not intercepted");
    }
}

} // namespace twofold::hv
