#include "hv/vm/upkeep.hpp"

#include "hv/cpu/panic.hpp"
#include "hv/cpu/physical_memory.hpp"

#include <bit>
#include <memory>

namespace twofold::hv {

namespace {

/// Elements that are made, contents immaterial, in frames for good.
template <class T>
std::span<T> take_array(EarlyMemory& memory, std::uint64_t count) {
    auto const taken = memory.allocate(count * sizeof(T));
    if (!taken)
        stop_with_error("memory has no room for what merging must remember of pages; give the "
                        "machine more of it");
    std::span<T> const made{at<T>(*taken), count};
    std::uninitialized_value_construct(made.begin(), made.end());
    return made;
}

} // namespace

MergeStorage find_merge_storage(EarlyMemory& memory) {
    std::uint64_t frames = 0;
    for (MemoryRange const& range : memory.left().all())
        frames += range.bytes() >> page_4k.shift();
    std::uint64_t const candidates =
        std::bit_floor(frames / Merger<Space>::frames_per_candidate + 1);
    auto const nodes = take_array<MergeCandidate>(memory, candidates);
    return {nodes, take_array<MergeIndex::bucket_type>(memory, candidates)};
}

Upkeep::Upkeep(SpaceRegistry& spaces, FramePool& pool, abi::MemoryRecord const& wanted,
               MergeStorage const& storage)
    : pool_(pool), wanted_(wanted), promoter_(spaces) {
    if (!merges_on_request()) return;
    merger_.emplace(spaces, storage.candidates, storage.buckets);
    zero_frame_ = pool.allocate();
    if (zero_frame_) HostMemory{}.zero(*zero_frame_, page_4k.bytes());
}

void Upkeep::end() {
    if (zero_frame_) pool_.release(*zero_frame_);
    zero_frame_.reset();
}

} // namespace twofold::hv
