// Other processors, woken by the local APIC ("Multiple-Processor (MP) Initialization").
#pragma once

#include <cstdint>
#include <optional>

namespace twofold::guest {

/// Wakes processors 1 to `processors - 1`; then each, this one included, adds 1 to one word of
/// memory `additions` times, all at once. Returns the word; nothing when memory is short.
std::optional<std::uint64_t> add_by_all(std::uint64_t processors, std::uint64_t additions);

} // namespace twofold::guest
