// What is said of a guest that KVM could not go on with.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/host.hpp"
#include "kvm/machine.hpp"

#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

/// For KVM_EXIT_INTERNAL_ERROR on a host of this kind: the reason, the instruction's bytes and
/// text, and the registers.
std::string internal_error_text(Processor const& processor, GuestRam const& ram, Paging host);

/// What the reason alone means there.
std::string_view internal_error_reason(std::uint32_t suberror, Paging host);

} // namespace twofold::vmm::kvm
