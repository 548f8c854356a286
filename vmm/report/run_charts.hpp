// Tables of a run's report as charts.
#pragma once

#include "plot/chart.hpp"
#include "report/run_report.hpp"

#include <vector>

namespace twofold::vmm {

/// Exits by reason, a bar for each that occurred, and where the report has them: faults by the
/// ticks that they took, pages written by interval of the dirty log, working sets by look. Guests
/// stand beside each other by name and number. Throws Failure where no guest has any of these.
std::vector<Chart> run_charts(RunReport const& report);

} // namespace twofold::vmm
