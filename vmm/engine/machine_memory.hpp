// How much memory the hypervisor's machine needs for a plan.
#pragma once

#include "image/launch_plan.hpp"

#include <cstdint>

namespace twofold::vmm {

/// Bytes, a multiple of 1 MiB: enough for the guests that run at the same time with their tables,
/// for the image, and for what the hypervisor keeps for itself. A clone counts as a sixteenth of
/// its guest, and 1 MiB at the least. Little more, since an emulator's start-up grows with it.
std::uint64_t machine_memory_for(LaunchPlan const& plan);

} // namespace twofold::vmm
