// `twofold bench`: figures that guests measure, beside floor, goal and peer.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_bench_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
