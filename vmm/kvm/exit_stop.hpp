// The exits by which KVM says that a guest has come to its end.
#pragma once

#include "kvm/kvm_api.hpp"
#include "kvm/stop.hpp"

#include <optional>

namespace twofold::vmm::kvm {

/// The end that an exit of HLT, shutdown, failed entry or an unknown kind brings; nothing for one
/// that goes on.
std::optional<Stop> stop_of_exit(kvm_run const& run);

/// The end that comes when KVM_RUN itself fails; nothing when it is just to be repeated.
std::optional<Stop> stop_of_failed_entry(int error_number);

} // namespace twofold::vmm::kvm
