// What clones cost in loads, stores and frames, for more memory and more clones than a machine has.
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

/// Frames that `clones` clones of a guest with 16 MiB hold, all alive, of which each has written
/// the first `pages` pages of its memory.
std::uint64_t count_frames_of_clones(std::uint64_t clones, std::uint64_t pages);

/// Tables that a clone has of its own when it has written the first `pages` pages of its memory:
/// one on each of the two levels below the root, and one for each 512 pages.
constexpr std::uint64_t tables_of_clone(std::uint64_t pages) {
    return pages == 0 ? 0 : 2 + (pages + 511) / 512;
}

/// Both as figures: the core's memory manager over a memory that only counts, on the host.
std::vector<BenchmarkResult> memory_counts();

} // namespace twofold::vmm
