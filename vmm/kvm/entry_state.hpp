// The state that a boot protocol promises, as KVM takes it.
#pragma once

#include "kvm/machine.hpp"

#include <twofold/load/boot_state.hpp>

namespace twofold::vmm::kvm {

/// Puts the processor at the guest's first instruction.
void set_entry_state(Processor& processor, BootState const& state);

} // namespace twofold::vmm::kvm
