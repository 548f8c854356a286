// What the kernel counts of a machine and its processors (KVM_GET_STATS_FD).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace twofold::vmm::kvm {

/// Adds the counters of the machine or processor behind `descriptor` that say something about exits
/// and the second dimension. Adds nothing where the kernel is too old to tell.
void add_kernel_statistics(int descriptor, std::map<std::string, std::uint64_t>& counts);

} // namespace twofold::vmm::kvm
