// What guests had of the machine's memory, for people.
#pragma once

#include "report/record.hpp"
#include "report/style.hpp"
#include "report/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm {

/// Adds what one guest swapped and gave back.
void add_reclaim(Table& table, record::Reclaim const& reclaim);

/// What all guests had together, and what audits of it have found: a heading and a table; nothing
/// where the report says nothing of these.
std::string memory_text(std::optional<record::Memory> const& memory,
                        std::vector<record::Audit> const& audits, Style const& style);

/// What audits have found wrong, for people; nothing if nothing.
std::string audit_failure(std::vector<record::Audit> const& audits);

} // namespace twofold::vmm
