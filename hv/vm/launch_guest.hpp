// How a guest of the bundle comes to be.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/vm/scheduler.hpp"

#include <cstdint>

namespace twofold::hv {

/// Loads guest number `index` and makes the clones of it that its record asks for, and lets the
/// scheduler have them. What cannot be loaded is reported.
void launch_guest(Scheduler& scheduler, Bundle const& bundle, std::uint32_t index);

} // namespace twofold::hv
