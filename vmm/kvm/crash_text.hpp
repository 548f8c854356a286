// What is said of a guest that KVM could not go on with.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <string>

namespace twofold::vmm::kvm {

/// For KVM_EXIT_INTERNAL_ERROR: the instruction's bytes and text, and the registers.
std::string internal_error_text(Processor const& processor, GuestRam const& ram);

} // namespace twofold::vmm::kvm
