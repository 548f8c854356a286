// What clones and the memory that they share cost.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Runs the guests `memory` and `exits` in Bochs, one after another. Throws Failure when one fails.
std::vector<BenchmarkResult> bench_memory(Context& context);

} // namespace twofold::vmm
