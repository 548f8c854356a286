// Figures of a benchmark as charts.
#pragma once

#include "plot/chart.hpp"
#include "report/benchmark.hpp"

#include <span>
#include <vector>

namespace twofold::vmm {

/// A chart for each thing that some of the figures grow with, those of one unit together, and one
/// for each matrix that some are cells of. None for single figures.
std::vector<Chart> benchmark_charts(std::span<BenchmarkResult const> results);

} // namespace twofold::vmm
