// A whole run as one JSON document.
#pragma once

#include "report/run_report.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace twofold::vmm {

/// {boot, capabilities_missing, guests:[{name, start, walks, figures, stop}], errors, panic, end}.
/// Members of which nothing was reported are null. Addresses and page sizes are "0x..." text,
/// counts are numbers.
nlohmann::ordered_json run_json(RunReport const& report);

} // namespace twofold::vmm
