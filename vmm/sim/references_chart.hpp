// References an access as bars.
#pragma once

#include "sim/simulation_report.hpp"

#include <string>

namespace twofold::vmm {

/// An SVG document: a bar for each configuration, the guest's references and EPT's stacked.
std::string references_chart(SimulationReport const& report);

} // namespace twofold::vmm
