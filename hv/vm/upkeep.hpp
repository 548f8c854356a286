// What the hypervisor does for memory while guests run: identical pages come to share a frame,
// neighbours to be one large page.
#pragma once

#include "hv/boot/early_memory.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/vm/host_memory.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/merger.hpp>
#include <twofold/memory/promoter.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::hv {

/// Room for what a merger remembers of pages.
struct MergeStorage {
    std::span<MergeCandidate> candidates;
    std::span<MergeIndex::bucket_type> buckets;
};

/// As much as the memory that is left asks for. Without room for it the hypervisor stops and says
/// so.
MergeStorage find_merge_storage(EarlyMemory& memory);

/// Over all spaces of one registry. Each step is bounded, and none runs while a guest does.
class Upkeep {
  public:
    Upkeep(SpaceRegistry& spaces, FramePool& pool, abi::MemoryRecord const& wanted,
           MergeStorage const& storage);
    Upkeep(Upkeep const&) = delete;
    Upkeep& operator=(Upkeep const&) = delete;

    /// Something is to be done between turns, so that even a guest that is alone takes turns.
    [[nodiscard]] bool works_in_background() const {
        return has(abi::MemoryRecord::merge_all | abi::MemoryRecord::promote);
    }
    [[nodiscard]] bool merges_on_request() const { return has(abi::MemoryRecord::merge_offered); }

    /// What spaces are made with, and what has one reference of this one's.
    [[nodiscard]] std::optional<Hpa> zero_frame() const { return zero_frame_; }
    /// Gives it back: no space is left.
    void end();

    /// A bounded part of what there is to do. `carry_out(space, duty)` performs a duty.
    template <class CarryOut>
    void work(CarryOut&& carry_out) {
        if (has(abi::MemoryRecord::merge_all))
            count(merging_, [&] { return merger_->step(merge_steps, carry_out); });
        if (has(abi::MemoryRecord::promote))
            count(promoting_, [&] { return promoter_.step(promote_steps, carry_out); });
    }
    /// How often the end of all memory was come to, by each of what works in the background.
    [[nodiscard]] std::uint64_t passes() const {
        if (!has(abi::MemoryRecord::promote)) return merging_.passes;
        if (!has(abi::MemoryRecord::merge_all)) return promoting_.passes;
        return std::min(merging_.passes, promoting_.passes);
    }
    /// Pages of one space, at its guest's wish.
    template <class CarryOut>
    Merging merge(Space& space, Gpa from, std::uint64_t bytes, CarryOut&& carry_out) {
        return count(merging_, [&] { return merger_->offer(space, from, bytes, carry_out); });
    }

    /// What all of it has come to: an object of the record `memory`.
    template <class Object>
    void report(Object& record) const {
        if (merger_) {
            record.object("merge")("passes", merging_.passes)("hashed", merging_.sum.hashed)(
                "merged", merging_.sum.merged)("zeroed", merging_.sum.zeroed)("ticks",
                                                                              merging_.ticks);
        }
        if (has(abi::MemoryRecord::promote)) {
            record.object("promote")("passes", promoting_.passes)("looked", promoting_.sum.steps)(
                "promoted",
                promoting_.sum.promoted)("moved", promoting_.sum.moved)("ticks", promoting_.ticks);
        }
    }

  private:
    /// Addresses between two turns: hashing a page takes some 4,000 instructions, a turn 100,000 a
    /// millisecond.
    static constexpr std::uint64_t merge_steps = 16;

    /// Tables: looking at one takes some 8,000 instructions, copying its pages 262,144.
    static constexpr std::uint64_t promote_steps = 1;

    struct MergeTotals {
        Merging sum;
        std::uint64_t passes = 0;
        std::uint64_t ticks = 0;

        void add(Merging const& one) {
            sum.hashed += one.hashed;
            sum.merged += one.merged;
            sum.zeroed += one.zeroed;
            passes += one.pass_ended ? 1 : 0;
        }
    };

    struct PromoteTotals {
        Promoting sum;
        std::uint64_t passes = 0;
        std::uint64_t ticks = 0;

        void add(Promoting const& one) {
            sum.steps += one.steps;
            sum.promoted += one.promoted;
            sum.moved += one.moved;
            passes += one.pass_ended ? 1 : 0;
        }
    };

    [[nodiscard]] bool has(std::uint16_t flag) const { return (wanted_.flags & flag) != 0; }
    template <class Totals, class Action>
    static auto count(Totals& totals, Action&& action) {
        std::uint64_t const begin = read_ticks();
        auto const one = action();
        totals.add(one);
        totals.ticks += read_ticks() - begin;
        return one;
    }

    FramePool& pool_;
    abi::MemoryRecord wanted_;
    std::optional<Hpa> zero_frame_;
    std::optional<Merger<Space>> merger_;
    MergeTotals merging_;
    Promoter<Space> promoter_;
    PromoteTotals promoting_;
};

} // namespace twofold::hv
