// Linux's KVM on the processor that the hypervisor is measured on: scripts/kvm-rig.
#pragma once

#include "cli/context.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace twofold::vmm {

/// What the guest `exits` reports under KVM in Bochs, in ticks by its figures' names. Takes about a
/// minute. Throws Failure outside of a built tree, and when the machine did not come to its end.
std::map<std::string, std::uint64_t> kvm_figures_in_rig(Context& context);

} // namespace twofold::vmm
