// Which entry of a walk forbids an access.
#pragma once

#include "report/record.hpp"

#include <twofold/arch/access.hpp>

#include <optional>

namespace twofold::vmm {

/// The first entry, in the order of the reads, that forbids ring 0 the access, CR0.WP being set:
/// one of the guest's, or one that translates the final gpa. Its bit is what would allow the access
/// (in the guest's dimension, for execution, what forbids it). None where all allow it.
std::optional<record::WalkStop> what_denies(record::Walk const& walk, Access access);

} // namespace twofold::vmm
