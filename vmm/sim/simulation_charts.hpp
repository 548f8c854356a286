// What simulations found, as charts.
#pragma once

#include "plot/chart.hpp"
#include "sim/break_even.hpp"
#include "sim/simulation_report.hpp"

namespace twofold::vmm {

/// References an access: a bar for each configuration, the guest's and EPT's stacked.
BarChart references_chart(SimulationReport const& report);

/// Cycles an access by how often the guest updates its tables: shadow and nested cross at the
/// break-even.
CurveChart break_even_chart(BreakEven const& found);

} // namespace twofold::vmm
