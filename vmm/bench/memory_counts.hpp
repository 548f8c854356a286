// What a clone costs in loads and stores, for more memory than a machine has.
#pragma once

#include "report/benchmark.hpp"

#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <vector>

namespace twofold::vmm {

/// What one clone takes of memory and of the pool.
struct CloneCounts {
    std::uint64_t loads;
    std::uint64_t stores;
    std::uint64_t frames;
    friend bool operator==(CloneCounts const&, CloneCounts const&) = default;
};

/// A guest that has touched `bytes` by pages of `leaf` is cloned.
CloneCounts count_clone(std::uint64_t bytes, PageSize leaf);

/// As figures: the core's memory manager over a memory that only counts, on the host.
std::vector<BenchmarkResult> memory_counts();

} // namespace twofold::vmm
