// All guests of an image, one after another.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/boot/machine.hpp"

namespace twofold::hv {

/// Turns VMX on and runs each guest of the bundle to its end. A guest that cannot be loaded does
/// not keep the next from running. What the machine lacks is reported.
void run_bundle(Machine& machine, Bundle const& bundle);

} // namespace twofold::hv
