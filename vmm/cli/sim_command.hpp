// `twofold sim`: translation caches and walks, simulated for a stream of accesses.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_sim_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
