// `twofold run`: a guest from its launch to its report.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_run_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
