// `twofold walk`: every reference of a guest's walks, nested and native.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_walk_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
