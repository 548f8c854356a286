// What guests had of the machine's memory, for people.
#pragma once

#include "report/record.hpp"
#include "report/style.hpp"
#include "report/table.hpp"

#include <string>

namespace twofold::vmm {

/// Adds what one guest swapped and gave back.
void add_reclaim(Table& table, record::Reclaim const& reclaim);

/// What all guests had together: a heading and a table.
std::string memory_text(record::Memory const& memory, Style const& style);

} // namespace twofold::vmm
