// Entering VMX operation.
#pragma once

#include "hv/vmx/capabilities.hpp"

#include <twofold/arch/address.hpp>

namespace twofold::hv {

/// Sets what CR0 and CR4 must have and executes VMXON with the frame at `region`, which stays the
/// processor's. False when it fails.
[[nodiscard]] bool enter_vmx_operation(VmxCapabilities const& capabilities, Hpa region);

/// Leaves VMX operation.
void leave_vmx_operation();

/// Makes the frame at `region` a VMCS and the current one. Its fields hold nothing meaningful.
/// False when the processor refuses.
[[nodiscard]] bool make_current_vmcs(VmxCapabilities const& capabilities, Hpa region);

} // namespace twofold::hv
