// What every command works with.
#pragma once

#include "system/output.hpp"
#include "system/signals.hpp"

#include <cstddef>
#include <functional>

namespace CLI {
class App;
} // namespace CLI

namespace twofold::vmm {

struct Context {
    Outputs outputs = Outputs::standard();
    Signals signals;
    /// Of a benchmark that is measured in turns with its floor: how many there are at the most.
    std::size_t most_turns = 101;
    /// Of a benchmark with a column of KVM's figures: measure them.
    bool with_kvm = true;
};

/// Carries a command out, after its options were parsed. Returns the exit status.
using Action = std::function<int(Context&)>;

} // namespace twofold::vmm
