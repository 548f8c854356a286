// `twofold trace`: a guest's accesses, traced in Bochs, as a file for `twofold sim`.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_trace_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
