// The references of walks: cold for every pair of page sizes and depths, with caches, and by other
// techniques.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// One result a cell: 36 of page sizes and depths, on tables that are built for them, those of four
/// levels over four also on the live guest `walk`; and 15 of 32-bit paging, PAE and paging off over
/// each EPT page, on the live guest `modes`. Live guests run in Bochs, and their every walk is
/// compared with what the emulated processor itself read. Throws Failure when a guest can't be run,
/// or when two of these differ. Then 20 of the model with caches, and those of other techniques.
std::vector<BenchmarkResult> bench_walk(Context& context);

} // namespace twofold::vmm
