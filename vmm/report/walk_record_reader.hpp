// From the members of a record to walks, and to the tables that they go through.
#pragma once

#include "report/fields.hpp"
#include "report/walk_record.hpp"

namespace twofold::vmm {

// Each throws MalformedRecord for members that are missing or not what abi/report.hpp says.

/// The member "level": 1 to 5, 1 being the level of the PTE.
unsigned read_level(Fields const& fields);
record::Walk read_walk(Fields const& fields);
record::Paging read_paging(Fields const& fields);
record::TablePage read_table_page(Fields const& fields);
record::TablesEnd read_tables_end(Fields const& fields);

} // namespace twofold::vmm
