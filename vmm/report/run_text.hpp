// A run's report for people.
#pragma once

#include "report/run_report.hpp"
#include "report/style.hpp"

#include <string>

namespace twofold::vmm {

/// How each guest ended, its violations, frames and exits, and how long the way to its first
/// instruction was. What is not known is left out.
std::string run_text(RunReport const& report, Style const& style);

/// The capabilities that the processor lacks, where each was looked for, and what that means.
std::string missing_capabilities_text(RunReport const& report, Style const& style);

/// One line: how the guest ended.
std::string stop_text(GuestReport const& guest, Style const& style);

/// The same of each guest that did not come to an end of its own: what has to be said even where no
/// report is wanted.
std::string broken_off_text(RunReport const& report, Style const& style);

} // namespace twofold::vmm
