// Translation caches for tests: none, and ones that are small enough to fill.
#pragma once

#include <twofold/model/processor_shape.hpp>

namespace twofold::test {

inline constexpr Geometry fully(std::uint32_t ways) { return {1, ways}; }

/// Nothing is cached.
inline constexpr ProcessorShape no_caches{};

/// Structure caches and a nested TLB of 16 entries each, no TLB: every access walks.
inline constexpr ProcessorShape structures_only{
    .structures = {fully(16), fully(16), fully(16), fully(16)},
    .guest_physical = {fully(16), {fully(16), fully(16), fully(16), fully(16)}}};

inline constexpr TlbArrayShape shared_array{.geometry = fully(64),
                                            .holds_4k = true,
                                            .holds_2m = true,
                                            .holds_1g = true,
                                            .data = true,
                                            .instructions = true};

/// All of it.
inline constexpr ProcessorShape all_caches{.first_level = {shared_array},
                                           .second_level = {shared_array},
                                           .structures = structures_only.structures,
                                           .guest_physical = structures_only.guest_physical};

} // namespace twofold::test
