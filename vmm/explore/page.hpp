// The walk explorer: one HTML page with everything in it.
#pragma once

#include "report/record.hpp"

#include <span>
#include <string>

namespace twofold::vmm {

/// A page that steps through the walks, one for each pair of page sizes, in each of the cache
/// states. Without JavaScript it shows them as tables. Throws Failure for walks that served_by
/// refuses.
std::string explorer_page(std::span<record::Walk const> walks);

} // namespace twofold::vmm
