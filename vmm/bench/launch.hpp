// What launching a guest under KVM costs, from exec to exit.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Throws Failure where KVM can't be used.
std::vector<BenchmarkResult> bench_launch(Context& context);

} // namespace twofold::vmm
