// A guest on the bare processor, in place of the hypervisor: the measure of what EPT costs.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/boot/machine.hpp"

namespace twofold::hv {

/// Puts the bundle's only guest where it was linked to, and leaves the machine to it in the state
/// that abi/launch_info.hpp promises. From there on the guest writes console and report itself.
/// Where it does not fit beside the hypervisor, the machine stops with a message.
[[noreturn]] void launch_natively(Machine const& machine, Bundle const& bundle);

} // namespace twofold::hv
