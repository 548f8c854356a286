// `twofold image`: a bootable disk with guests in it.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_image_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
