// `twofold completion`: completion scripts for shells.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_completion_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
