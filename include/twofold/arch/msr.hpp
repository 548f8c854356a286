// Model-specific registers by their numbers (Intel SDM vol. 4, "Architectural MSRs").
#pragma once

#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold {

enum class Msr : std::uint32_t {
    time_stamp_counter = 0x10,
    apic_base = 0x1b,
    feature_control = 0x3a,
    bios_update_signature = 0x8b,
    mtrr_capability = 0xfe,
    sysenter_cs = 0x174,
    sysenter_esp = 0x175,
    sysenter_eip = 0x176,
    misc_enable = 0x1a0,
    pat = 0x277,
    mtrr_default_type = 0x2ff,
    vmx_basic = 0x480,
    vmx_misc = 0x485,
    vmx_cr0_fixed0 = 0x486,
    vmx_cr0_fixed1 = 0x487,
    vmx_cr4_fixed0 = 0x488,
    vmx_cr4_fixed1 = 0x489,
    vmx_procbased_controls = 0x482,
    vmx_procbased_controls_2 = 0x48b,
    vmx_ept_vpid_capability = 0x48c,
    vmx_true_pinbased_controls = 0x48d,
    vmx_true_procbased_controls = 0x48e,
    vmx_true_exit_controls = 0x48f,
    vmx_true_entry_controls = 0x490,
    efer = 0xc000'0080,
    star = 0xc000'0081,
    lstar = 0xc000'0082,
    cstar = 0xc000'0083,
    fmask = 0xc000'0084,
    fs_base = 0xc000'0100,
    gs_base = 0xc000'0101,
    kernel_gs_base = 0xc000'0102,
};

/// IA32_EFER.
namespace efer {
inline constexpr std::uint64_t syscall_enable = bit(0);
inline constexpr std::uint64_t long_mode_enable = bit(8);
inline constexpr std::uint64_t long_mode_active = bit(10);
inline constexpr std::uint64_t execute_disable_enable = bit(11);
} // namespace efer

/// IA32_FEATURE_CONTROL.
namespace feature_control {
inline constexpr std::uint64_t locked = bit(0);
inline constexpr std::uint64_t vmx_outside_smx = bit(2);
} // namespace feature_control

} // namespace twofold
