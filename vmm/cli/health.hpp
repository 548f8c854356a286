// What this machine has of what the command works with.
#pragma once

#include "system/signals.hpp"

#include <string>
#include <vector>

namespace twofold::vmm {

struct Finding {
    std::string name;
    bool ok;
    /// Without it, guests can't be run in Bochs.
    bool needed;
    /// What was found, or what is missing and where it was looked for.
    std::string detail;
    /// What to do; empty when nothing has to be done.
    std::string remedy = {};
};

std::vector<Finding> examine_machine(Signals const& signals);

} // namespace twofold::vmm
