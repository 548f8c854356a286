// What the simulator and the walker cost.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Instructions an access by callgrind, ratios by the clock. Throws Failure when valgrind is
/// missing or fails.
std::vector<BenchmarkResult> bench_sim(Context& context);

} // namespace twofold::vmm
