// What is said of a guest that the processor refused to enter.
#pragma once

#include "kvm/machine.hpp"

#include <string>

namespace twofold::vmm::kvm {

/// For KVM_EXIT_FAIL_ENTRY: the reason by number, and in the words of the processor's manual.
std::string entry_failure_text(kvm_run const& run);

/// The part of a guest's state that the processor checks at entry, of one that has left the guest.
std::string checked_state_text(Processor const& processor);

} // namespace twofold::vmm::kvm
