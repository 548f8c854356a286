#include "hv/vmx/guest_state.hpp"

#include "hv/cpu/control_registers.hpp"
#include "hv/cpu/msr.hpp"
#include "hv/vmx/instructions.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/exception.hpp>
#include <twofold/arch/msr.hpp>

/// enter.S
extern "C" char const vm_exit_entry[];

namespace twofold::hv {

namespace {

template <class... Positions>
constexpr std::uint32_t bits(Positions... positions) {
    return static_cast<std::uint32_t>((bit(positions) | ...));
}

constexpr std::uint32_t wanted_pin = bits(pin_control::external_interrupt_exiting,
                                          pin_control::nmi_exiting, pin_control::preemption_timer);
constexpr std::uint32_t wanted_processor =
    bits(processor_control::tsc_offsetting, processor_control::hlt_exiting,
         processor_control::invlpg_exiting, processor_control::mwait_exiting,
         processor_control::rdpmc_exiting, processor_control::cr8_load_exiting,
         processor_control::cr8_store_exiting, processor_control::unconditional_io_exiting,
         processor_control::monitor_exiting, processor_control::secondary_controls);
constexpr std::uint32_t wanted_secondary =
    bits(secondary_control::enable_ept, secondary_control::enable_vpid,
         secondary_control::wbinvd_exiting, secondary_control::unrestricted_guest);
constexpr std::uint32_t wanted_exit =
    bits(exit_control::save_debug_controls, exit_control::host_address_space_size,
         exit_control::save_pat, exit_control::load_pat, exit_control::save_efer,
         exit_control::load_efer, exit_control::save_preemption_timer);
constexpr std::uint32_t wanted_entry =
    bits(entry_control::load_debug_controls, entry_control::ia32e_mode_guest,
         entry_control::load_pat, entry_control::load_efer);

/// An endless loop of #AC or #DB deliveries would never exit by itself; a machine check is the
/// machine's.
constexpr std::uint32_t intercepted_exceptions =
    bits(exception::debug, exception::alignment_check, exception::machine_check);

/// "Format of the Access-Rights Field".
constexpr std::uint32_t access_rights_code_64 = 0xa09b;
constexpr std::uint32_t access_rights_data = 0xc093;
constexpr std::uint32_t access_rights_tss = 0x8b;
constexpr std::uint32_t access_rights_unusable = 0x1'0000;

struct Segment {
    VmcsField16 selector;
    VmcsFieldNatural base;
    VmcsField32 limit;
    VmcsField32 rights;
};

void write_segment(Segment const& segment, std::uint16_t selector, std::uint32_t limit,
                   std::uint32_t rights) {
    write_vmcs(segment.selector, selector);
    write_vmcs(segment.base, 0);
    write_vmcs(segment.limit, limit);
    write_vmcs(segment.rights, rights);
}

#define TWOFOLD_SEGMENT(name)                                                                      \
    Segment {                                                                                      \
        VmcsField16::guest_##name##_selector, VmcsFieldNatural::guest_##name##_base,               \
            VmcsField32::guest_##name##_limit, VmcsField32::guest_##name##_access_rights           \
    }
constexpr Segment data_segments[] = {TWOFOLD_SEGMENT(es), TWOFOLD_SEGMENT(ss), TWOFOLD_SEGMENT(ds),
                                     TWOFOLD_SEGMENT(fs), TWOFOLD_SEGMENT(gs)};
constexpr Segment code_segment = TWOFOLD_SEGMENT(cs);
constexpr Segment local_table_segment = TWOFOLD_SEGMENT(ldtr);
constexpr Segment task_segment = TWOFOLD_SEGMENT(tr);
#undef TWOFOLD_SEGMENT

void write_segments() {
    constexpr std::uint32_t whole = 0xffff'ffff;
    write_segment(code_segment, selector::code, whole, access_rights_code_64);
    for (Segment const& segment : data_segments)
        write_segment(segment, selector::data, whole, access_rights_data);
    write_segment(local_table_segment, 0, 0, access_rights_unusable);
    // TR must be usable ("Checks on Guest Segment Registers"); the guest loads its own before it
    // needs one.
    write_segment(task_segment, selector::task_state, 0x67, access_rights_tss);
    for (auto const base : {VmcsFieldNatural::guest_gdtr_base, VmcsFieldNatural::guest_idtr_base})
        write_vmcs(base, 0);
    for (auto const limit : {VmcsField32::guest_gdtr_limit, VmcsField32::guest_idtr_limit})
        write_vmcs(limit, 0);
}

void write_control_registers(Gpa cr3) {
    OwnedBits const owned = owned_bits();
    constexpr std::uint64_t guest_cr0 = cr0::protection_enable | cr0::monitor_coprocessor |
                                        cr0::extension_type | cr0::numeric_error |
                                        cr0::write_protect | cr0::paging;
    constexpr std::uint64_t guest_cr4 = cr4::physical_address_extension | cr4::os_fxsr;
    write_vmcs(VmcsFieldNatural::cr0_mask, owned.cr0);
    write_vmcs(VmcsFieldNatural::cr0_read_shadow, guest_cr0);
    write_vmcs(VmcsFieldNatural::guest_cr0, guest_cr0);
    write_vmcs(VmcsFieldNatural::cr4_mask, owned.cr4);
    write_vmcs(VmcsFieldNatural::cr4_read_shadow, guest_cr4);
    write_vmcs(VmcsFieldNatural::guest_cr4,
               guest_cr4 | (read_msr(Msr::vmx_cr4_fixed0) & owned.cr4));
    write_vmcs(VmcsFieldNatural::guest_cr3, cr3.value());
}

} // namespace

OwnedBits owned_bits() {
    constexpr std::uint64_t forbidden = cr4::vmx_enable | cr4::smx_enable |
                                        cr4::linear_addresses_57 |
                                        cr4::process_context_identifiers | cr4::os_xsave |
                                        cr4::protection_keys | cr4::control_flow_enforcement;
    return {.cr0 = cr0::numeric_error | cr0::cache_disable | cr0::not_write_through,
            .cr4 = forbidden,
            .cr4_forbidden = forbidden};
}

void write_controls(VmxCapabilities const& capabilities, SpaceRoot const& root) {
    write_vmcs(VmcsField32::pin_controls, capabilities.pin.adjust(wanted_pin));
    write_vmcs(VmcsField32::processor_controls, capabilities.processor.adjust(wanted_processor));
    write_vmcs(VmcsField32::secondary_controls, capabilities.secondary.adjust(wanted_secondary));
    write_vmcs(VmcsField32::exit_controls, capabilities.exit.adjust(wanted_exit));
    write_vmcs(VmcsField32::entry_controls, capabilities.entry.adjust(wanted_entry));
    write_vmcs(VmcsField32::exception_bitmap, intercepted_exceptions);
    for (auto const zero : {VmcsField32::page_fault_error_mask, VmcsField32::page_fault_error_match,
                            VmcsField32::cr3_target_count, VmcsField32::exit_msr_store_count,
                            VmcsField32::exit_msr_load_count, VmcsField32::entry_msr_load_count,
                            VmcsField32::entry_interruption_information}) {
        write_vmcs(zero, 0);
    }
    write_vmcs(VmcsField64::tsc_offset, 0);
    write_vmcs(VmcsField64::ept_pointer, root.ept_pointer);
    write_vmcs(VmcsField16::vpid, root.vpid);
}

void write_host_state(DescriptorTables const& tables) {
    write_vmcs(VmcsFieldNatural::host_cr0, read_cr0());
    write_vmcs(VmcsFieldNatural::host_cr3, read_cr3());
    write_vmcs(VmcsFieldNatural::host_cr4, read_cr4());
    write_vmcs(VmcsField16::host_cs_selector, selector::code);
    for (auto const data : {VmcsField16::host_es_selector, VmcsField16::host_ss_selector,
                            VmcsField16::host_ds_selector, VmcsField16::host_fs_selector,
                            VmcsField16::host_gs_selector}) {
        write_vmcs(data, selector::data);
    }
    write_vmcs(VmcsField16::host_tr_selector, selector::task_state);
    for (auto const zero :
         {VmcsFieldNatural::host_fs_base, VmcsFieldNatural::host_gs_base,
          VmcsFieldNatural::host_sysenter_esp, VmcsFieldNatural::host_sysenter_eip}) {
        write_vmcs(zero, 0);
    }
    write_vmcs(VmcsField32::host_sysenter_cs, 0);
    write_vmcs(VmcsFieldNatural::host_gdtr_base, tables.global.value());
    write_vmcs(VmcsFieldNatural::host_idtr_base, tables.interrupt.value());
    write_vmcs(VmcsFieldNatural::host_tr_base, tables.task_state.value());
    write_vmcs(VmcsField64::host_efer, read_msr(Msr::efer));
    write_vmcs(VmcsField64::host_pat, read_msr(Msr::pat));
    write_vmcs(VmcsFieldNatural::host_rip, reinterpret_cast<std::uint64_t>(&vm_exit_entry));
}

void write_entry_state(Gpa entry, Gpa cr3) {
    write_control_registers(cr3);
    write_segments();
    write_vmcs(VmcsField64::guest_efer,
               efer::long_mode_enable | efer::long_mode_active | efer::execute_disable_enable);
    write_vmcs(VmcsField64::guest_pat, read_msr(Msr::pat));
    write_vmcs(VmcsField64::guest_debugctl, 0);
    write_vmcs(VmcsField64::link_pointer, ~std::uint64_t{0}); // no VMCS shadowing
    write_vmcs(VmcsFieldNatural::guest_dr7, 0x400);           // bit 10 is always 1
    write_vmcs(VmcsFieldNatural::guest_rflags, 2);            // bit 1 is always 1
    write_vmcs(VmcsFieldNatural::guest_rip, entry.value());
    for (auto const zero :
         {VmcsFieldNatural::guest_rsp, VmcsFieldNatural::guest_pending_debug_exceptions,
          VmcsFieldNatural::guest_sysenter_esp, VmcsFieldNatural::guest_sysenter_eip}) {
        write_vmcs(zero, 0);
    }
    for (auto const zero : {VmcsField32::guest_sysenter_cs, VmcsField32::guest_interruptibility,
                            VmcsField32::guest_activity}) {
        write_vmcs(zero, 0);
    }
}

void write_long_mode_active(bool active) {
    std::uint32_t const controls = read_vmcs(VmcsField32::entry_controls);
    constexpr auto mode = static_cast<std::uint32_t>(bit(entry_control::ia32e_mode_guest));
    write_vmcs(VmcsField32::entry_controls, active ? controls | mode : controls & ~mode);
}

} // namespace twofold::hv
