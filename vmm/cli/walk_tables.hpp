// `twofold walk --gva ...`: walks of chosen addresses through the tables that a guest leaves.
#pragma once

#include "cli/context.hpp"
#include "cli/walk_options.hpp"

namespace twofold::vmm {

/// Runs the guest and walks its tables. Returns the exit status.
int walk_tables(Context& context, WalkOptions const& options);

} // namespace twofold::vmm
