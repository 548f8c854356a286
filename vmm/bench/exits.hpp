// What leaving the guest costs.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Runs the guests `exits` and `hello` in Bochs. Throws Failure when one of them fails.
std::vector<BenchmarkResult> bench_exits(Context& context);

} // namespace twofold::vmm
