// What simulations found, as charts.
#pragma once

#include "plot/chart.hpp"
#include "sim/break_even.hpp"
#include "sim/simulation_report.hpp"

#include <vector>

namespace twofold::vmm {

/// References an access: a bar for each configuration, the guest's and EPT's stacked. Below it
/// those of a walk by level, and with data caches where they were found, as matrices.
std::vector<Chart> simulation_charts(SimulationReport const& report);

/// Cycles an access by how often the guest updates its tables: shadow and nested cross at the
/// break-even.
CurveChart break_even_chart(BreakEven const& found);

} // namespace twofold::vmm
