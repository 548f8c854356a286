// How fast the two-dimensional walker is, against a bare chain of loads over the same addresses.
#pragma once

#include <cstdint>

namespace twofold::vmm {

/// Ratios of medians that were measured in turn in one run; times are per reference.
struct WalkSpeed {
    /// One walk after the other, each waiting for the last, against the chain.
    double dependent;
    /// Walks that do not wait for each other, against the chain.
    double independent;
    double chain_nanoseconds;
};

/// Walks of 4K over 4K with `table_bytes` of last-level tables in each dimension, cold but for the
/// data caches, recording each reference and checking permissions.
WalkSpeed measure_walk_speed(std::uint64_t table_bytes);

} // namespace twofold::vmm
