// From a line of the report to a record.
#pragma once

#include "report/record.hpp"

#include <string_view>

namespace twofold::vmm {

/// Throws MalformedRecord for what is not a record of abi/report.hpp, saying what is wrong and
/// where in the line. Members that are not known are left alone.
Record parse_record(std::string_view line);

} // namespace twofold::vmm
