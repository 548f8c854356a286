// Linux's KVM on the processor that the hypervisor is measured on: scripts/kvm-rig.
#pragma once

#include "cli/context.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace twofold::vmm {

/// What the guest `exits` reports under KVM in Bochs.
struct KvmFigures {
    /// Linux's release.
    std::string kernel;
    /// By the figures' names.
    std::map<std::string, std::uint64_t> ticks;
};

/// Takes half a minute. Throws Failure outside of a built tree, where Linux can't be had, and when
/// the machine did not come to its end.
KvmFigures kvm_figures_in_rig(Context& context);

} // namespace twofold::vmm
