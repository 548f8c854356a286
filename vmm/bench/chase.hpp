// `twofold bench chase`: a chain of loads, natively and in a guest.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// Nanoseconds a load by working set, page size and dimensions, and the ratio of guest to native at
/// the largest. Without a usable /dev/kvm the native figures alone, with the reason.
std::vector<BenchmarkResult> bench_chase(Context& context);

} // namespace twofold::vmm
