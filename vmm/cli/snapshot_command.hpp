// `twofold snapshot`: a guest under KVM, frozen into a file, and gone on with from there.
#pragma once

#include "cli/context.hpp"

namespace twofold::vmm {

void add_snapshot_command(CLI::App& application, Action& chosen);

} // namespace twofold::vmm
