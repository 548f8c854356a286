// All guests of an image.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/boot/machine.hpp"

namespace twofold::hv {

/// Turns VMX on and runs the guests of the bundle to their ends, one after another but for those
/// that start together. A guest that cannot be loaded does not keep the next from running. What the
/// machine lacks is reported.
void run_bundle(Machine& machine, Bundle const& bundle);

} // namespace twofold::hv
