// The state that a boot protocol promises, as KVM takes it.
#pragma once

#include "kvm/machine.hpp"

#include <twofold/arch/segment.hpp>
#include <twofold/load/boot_state.hpp>

namespace twofold::vmm::kvm {

/// A segment register as KVM takes it.
kvm_segment kvm_segment_of(SegmentRegister const& segment);

/// Puts the processor at the guest's first instruction.
void set_entry_state(Processor& processor, BootState const& state);

} // namespace twofold::vmm::kvm
