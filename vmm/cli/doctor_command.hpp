// `twofold doctor`: what this machine can do, and what is missing.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_doctor_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
