// `twofold explore`: a recorded walk as a page to step through.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_explore_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
