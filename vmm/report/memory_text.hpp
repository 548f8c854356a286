// What guests had of the machine's memory, for people.
#pragma once

#include "report/record.hpp"
#include "report/style.hpp"
#include "report/table.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm {

/// Adds what one guest swapped and gave back.
void add_reclaim(Table& table, record::Reclaim const& reclaim);

/// Adds what became of one guest's pages while the hypervisor looked after memory.
void add_upkeep(Table& table, std::map<std::string, std::uint64_t> const& upkeep);

/// Adds what a dirty log of one guest has found, an interval a row where there are several.
void add_dirty_log(Table& table, record::DirtyLog const& log,
                   std::vector<record::DirtyPages> const& intervals);

/// Adds how many pages one guest had accessed at each look, if there were looks.
void add_working_sets(Table& table, std::vector<record::WorkingSet> const& found);

/// What all guests had together, and what audits of it have found: a heading and a table; nothing
/// where the report says nothing of these.
std::string memory_text(std::optional<record::SwapDisk> const& disk,
                        std::optional<record::Memory> const& memory,
                        std::vector<record::Audit> const& audits, Style const& style);

/// What audits have found wrong, for people; nothing if nothing.
std::string audit_failure(std::vector<record::Audit> const& audits);

} // namespace twofold::vmm
