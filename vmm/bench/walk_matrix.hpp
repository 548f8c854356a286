// The references of cold walks for every pair of page sizes and depths.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <vector>

namespace twofold::vmm {

/// One result a cell, 36 in all, on tables that are built for it; for four levels over four also on
/// the live guest `walk` in Bochs, whose every walk is compared with what the emulated processor
/// itself read. Throws Failure when the guest can't be run, or when two of these differ.
std::vector<BenchmarkResult> bench_walk(Context& context);

} // namespace twofold::vmm
