// A walk laid out for people.
#pragma once

#include "report/record.hpp"
#include "report/style.hpp"

#include <string>
#include <string_view>

namespace twofold::vmm {

/// "4-level paging", "32-bit paging", "paging off".
std::string_view paging_text(PagingMode mode);

/// The walk as a grid of reference numbers, one row a guest level and one column an EPT level, and
/// then every reference in order, those of the same address walked natively (if given) beside the
/// guest's own. With totals, the closed form, and what is counted.
std::string walk_text(record::Walk const& nested, record::Walk const* native, Style const& style);

} // namespace twofold::vmm
