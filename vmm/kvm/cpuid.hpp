// What each of a machine's processors answers to CPUID.
#pragma once

#include "kvm/device.hpp"

namespace twofold::vmm::kvm {

/// `supported`, as processor `number` of `processors` answers it: its APIC identifier, and the
/// others beside it in one package.
CpuidTable cpuid_of(CpuidTable supported, unsigned number, unsigned processors);

} // namespace twofold::vmm::kvm
