// What a clone of a guest costs, under KVM.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Throws Failure where KVM can't be used.
std::vector<BenchmarkResult> bench_clone(Context& context);

} // namespace twofold::vmm
