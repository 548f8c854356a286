// What each of a machine's processors answers to CPUID.
#pragma once

#include "kvm/device.hpp"

namespace twofold::vmm::kvm {

struct ProcessorPlace {
    unsigned number;
    /// In all.
    unsigned processors;
    /// Whether the kernel's local APICs have a timer that ends at a time stamp, which it leaves to
    /// this program to tell.
    bool deadline_timer = false;
};

/// `supported`, as that processor answers it: its APIC identifier, and the others beside it in one
/// package. For machines with local APICs.
CpuidTable cpuid_of(CpuidTable supported, ProcessorPlace const& place);

} // namespace twofold::vmm::kvm
