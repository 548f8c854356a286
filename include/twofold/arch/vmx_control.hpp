// Bits of the VM-execution, VM-exit and VM-entry controls, and how a processor says which of them
// it has (Intel SDM vol. 3, "VM-Execution Control Fields" and the appendix "VMX Capability
// Reporting Facility").
#pragma once

#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold {

namespace pin_control {
inline constexpr unsigned external_interrupt_exiting = 0;
inline constexpr unsigned nmi_exiting = 3;
inline constexpr unsigned preemption_timer = 6;
} // namespace pin_control

namespace processor_control {
inline constexpr unsigned tsc_offsetting = 3;
inline constexpr unsigned hlt_exiting = 7;
inline constexpr unsigned invlpg_exiting = 9;
inline constexpr unsigned mwait_exiting = 10;
inline constexpr unsigned rdpmc_exiting = 11;
inline constexpr unsigned cr8_load_exiting = 19;
inline constexpr unsigned cr8_store_exiting = 20;
inline constexpr unsigned unconditional_io_exiting = 24;
inline constexpr unsigned monitor_exiting = 29;
inline constexpr unsigned secondary_controls = 31;
} // namespace processor_control

namespace secondary_control {
inline constexpr unsigned enable_ept = 1;
inline constexpr unsigned descriptor_table_exiting = 2;
inline constexpr unsigned enable_vpid = 5;
inline constexpr unsigned wbinvd_exiting = 6;
inline constexpr unsigned unrestricted_guest = 7;
inline constexpr unsigned enable_pml = 17;
} // namespace secondary_control

namespace exit_control {
inline constexpr unsigned save_debug_controls = 2;
inline constexpr unsigned host_address_space_size = 9;
inline constexpr unsigned save_pat = 18;
inline constexpr unsigned load_pat = 19;
inline constexpr unsigned save_efer = 20;
inline constexpr unsigned load_efer = 21;
inline constexpr unsigned save_preemption_timer = 22;
} // namespace exit_control

namespace entry_control {
inline constexpr unsigned load_debug_controls = 2;
inline constexpr unsigned ia32e_mode_guest = 9;
inline constexpr unsigned load_pat = 14;
inline constexpr unsigned load_efer = 15;
} // namespace entry_control

/// IA32_VMX_EPT_VPID_CAP.
namespace ept_capability {
inline constexpr unsigned execute_only = 0;
inline constexpr unsigned page_walk_length_4 = 6;
inline constexpr unsigned write_back = 14;
inline constexpr unsigned pages_2m = 16;
inline constexpr unsigned pages_1g = 17;
inline constexpr unsigned invept = 20;
inline constexpr unsigned accessed_dirty = 21;
inline constexpr unsigned invept_single_context = 25;
inline constexpr unsigned invept_all_contexts = 26;
inline constexpr unsigned invvpid = 32;
inline constexpr unsigned invvpid_individual_address = 40;
inline constexpr unsigned invvpid_single_context = 41;
} // namespace ept_capability

/// One of the MSRs that report a field of controls: bits that must be 1 below, bits that may be 1
/// above.
class VmxControlCapability {
  public:
    explicit constexpr VmxControlCapability(std::uint64_t msr) : msr_(msr) {}

    [[nodiscard]] constexpr bool may_be_one(unsigned position) const {
        return (msr_ >> 32 & bit(position)) != 0;
    }
    [[nodiscard]] constexpr bool must_be_one(unsigned position) const {
        return (msr_ & bit(position)) != 0;
    }
    /// `wanted` with what must be 1 added and what must be 0 taken away.
    [[nodiscard]] constexpr std::uint32_t adjust(std::uint32_t wanted) const {
        return static_cast<std::uint32_t>((wanted | msr_) & msr_ >> 32);
    }

  private:
    std::uint64_t msr_;
};

static_assert(VmxControlCapability{0x0000'00ff'0000'0016}.adjust(0x140) == 0x56);

} // namespace twofold
