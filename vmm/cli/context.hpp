// What every command works with.
#pragma once

#include "system/output.hpp"
#include "system/signals.hpp"

#include <functional>

namespace CLI {
class App;
} // namespace CLI

namespace twofold::vmm {

struct Context {
    Outputs outputs = Outputs::standard();
    Signals signals;
};

/// Carries a command out, after its options were parsed. Returns the exit status.
using Action = std::function<int(Context&)>;

} // namespace twofold::vmm
