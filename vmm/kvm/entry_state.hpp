// The state in which a guest of the family starts (abi/launch_info.hpp), as KVM takes it.
#pragma once

#include "kvm/machine.hpp"

#include <twofold/load/guest_layout.hpp>

namespace twofold::vmm::kvm {

/// Puts the processor at the guest's first instruction.
void set_entry_state(Processor& processor, GuestLayout const& layout);

} // namespace twofold::vmm::kvm
