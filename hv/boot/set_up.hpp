// From what the loader left to a machine that guests can run on.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/boot/machine.hpp"

namespace twofold::hv {

/// Loads descriptor tables and page tables, and writes the report's `boot`. Stops the machine with
/// a message when it cannot be done.
Machine set_up_machine(BootInfo const& boot_info);

/// The guests that the image brings; stops the machine with a message when there are none, or they
/// are not as they must be.
Bundle bundle_of(Machine const& machine);

} // namespace twofold::hv
