// What many walks have come to, as charts.
#pragma once

#include "plot/chart.hpp"
#include "tables/walk_summary.hpp"

#include <vector>

namespace twofold::vmm {

/// The summary's tables: references by level and dimension, how many walks took how many
/// references, by what one TLB entry maps, by pages or fault; and for several addresses references
/// by address. Throws Failure where there was no walk.
std::vector<Chart> walk_charts(WalkSummary const& summary);

} // namespace twofold::vmm
