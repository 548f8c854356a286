// Synthetic streams of accesses. They repeat exactly for the same parameters.
#pragma once

#include "sim/access_source.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace twofold::vmm {

struct PatternParameters {
    /// Bytes that the accesses are spread over, from `first`.
    std::uint64_t footprint = std::uint64_t{1} << 30;
    std::uint64_t accesses = 10'000'000;
    /// `stride`: bytes from one access to the next.
    std::uint64_t stride = 4096;
    /// `zipf`: how uneven; 0 is uniform, 1 the classic.
    double skew = 0.99;
    std::uint64_t seed = 1;
    Gva first{0x10'0000'0000};
};

struct PatternKind {
    std::string_view name;
    std::string_view description;
    std::unique_ptr<AccessSource> (*make)(PatternParameters const&);
};

/// All patterns, by name.
std::span<PatternKind const> pattern_kinds();

/// Throws UsageError that lists the patterns where there is none of that name.
PatternKind const& pattern_named(std::string_view name);

} // namespace twofold::vmm
