// What it costs to bring in memory when it is touched, under KVM.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Throws Failure where KVM can't be used.
std::vector<BenchmarkResult> bench_lazy(Context& context);

} // namespace twofold::vmm
