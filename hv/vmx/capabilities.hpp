// What the processor's VT-x can do, and what of that the hypervisor cannot do without.
#pragma once

#include <twofold/arch/page_size.hpp>
#include <twofold/arch/paging_format.hpp>
#include <twofold/arch/vmx_control.hpp>

#include <cstdint>
#include <optional>

namespace twofold::hv {

/// The capability MSRs (Intel SDM vol. 3, appendix "VMX Capability Reporting Facility").
struct VmxCapabilities {
    VmxControlCapability pin{0};
    VmxControlCapability processor{0};
    VmxControlCapability secondary{0};
    VmxControlCapability exit{0};
    VmxControlCapability entry{0};
    /// IA32_VMX_EPT_VPID_CAP.
    std::uint64_t ept_and_vpid = 0;
    /// IA32_VMX_BASIC[30:0]: what a VMXON region and a VMCS begin with.
    std::uint32_t revision = 0;
    /// The preemption timer counts down once in 2^this ticks.
    unsigned preemption_timer_shift = 0;
    unsigned physical_bits = 0;

    [[nodiscard]] bool has_ept(unsigned position) const {
        return (ept_and_vpid & bit(position)) != 0;
    }
    [[nodiscard]] EptFormat<4> ept_format() const;
};

/// Looks for everything that running guests needs, with EPT leaves of up to `largest_leaf`, and
/// writes a `capability_missing` record for each thing that is not there. Nothing when one was
/// missing.
std::optional<VmxCapabilities> find_capabilities(PageSize largest_leaf);

} // namespace twofold::hv
