// From the members of a record to what it says of memory.
#pragma once

#include "report/fields.hpp"
#include "report/memory_record.hpp"

namespace twofold::vmm {

// Each throws MalformedRecord for members that are missing or not what abi/report.hpp says.

record::SwapDisk read_swap_disk(Fields const& fields);
record::Merge read_merge(Fields const& fields);
record::WorkingSet read_working_set(Fields const& fields);
record::DirtyPages read_dirty_pages(Fields const& fields);
record::DirtyLog read_dirty_log(Fields const& fields);
record::Reclaim read_reclaim(Fields const& fields);
record::Memory read_memory(Fields const& fields);
record::Audit read_audit(Fields const& fields);

} // namespace twofold::vmm
