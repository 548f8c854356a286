// The table of processors that a PC's firmware leaves ("MultiProcessor Specification").
#pragma once

#include <cstdint>
#include <optional>

namespace twofold::guest {

/// How many usable processors it names; nothing when there is no table, or one whose sums are
/// wrong.
std::optional<std::uint64_t> processors_in_mp_table();

} // namespace twofold::guest
