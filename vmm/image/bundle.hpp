// The guests as one run of bytes that the hypervisor finds behind itself.
#pragma once

#include "image/launch_plan.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace twofold::vmm {

/// Lays out header, records, files and command lines as abi/disk_image.hpp has it. Files begin at
/// multiples of 4096. `ticks_per_second` is for time limits; 0 lets the hypervisor measure it.
std::vector<std::byte> make_bundle(LaunchPlan const& plan, std::uint64_t ticks_per_second);

} // namespace twofold::vmm
