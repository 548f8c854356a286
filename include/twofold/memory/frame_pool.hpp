// The frames of host memory: a buddy allocator over Boost.Intrusive lists.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/memory/frame.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// Hands out blocks of 2^order frames, each aligned to its size. Touches its metadata only, never
/// the frames themselves, and keeps a count of references for each block. Not thread-safe.
class FramePool {
  public:
    /// `metadata[i]` will describe frame number `first_frame + i`; it must be freshly constructed
    /// and outlive the pool. `first_frame` must be a multiple of 2^18, so that alignment in the
    /// array is alignment in memory. All frames start absent.
    FramePool(std::span<Frame> metadata, std::uint64_t first_frame)
        : frames_(metadata), first_(first_frame) {}

    FramePool(FramePool const&) = delete;
    FramePool& operator=(FramePool const&) = delete;

    /// Gives the pool [begin, end), rounded inwards to whole frames, which it must not have yet.
    /// What lies outside the metadata is left out. Costs one step a block, not a frame. Returns how
    /// many frames were taken.
    std::uint64_t add(Hpa begin, Hpa end);

    /// A block of 2^order frames with one reference, contents undefined, or nothing when there is
    /// none.
    [[nodiscard]] std::optional<Hpa> allocate(unsigned order);

    /// One more reference to the block at `head`, which must be allocated.
    void retain(Hpa head) { ++frame(head).references; }

    /// One reference less; the block is free when it was the last. Returns the references left.
    std::uint32_t release(Hpa head);

    [[nodiscard]] std::uint32_t references(Hpa head) const {
        return frames_[index(head)].references;
    }

    /// Counts of 4 KiB frames.
    [[nodiscard]] std::uint64_t frames_total() const { return total_; }
    [[nodiscard]] std::uint64_t frames_free() const { return free_; }
    [[nodiscard]] std::uint64_t frames_used() const { return total_ - free_; }

  private:
    using FreeList = boost::intrusive::list<Frame, boost::intrusive::constant_time_size<false>>;

    [[nodiscard]] std::uint64_t index(Hpa hpa) const { return (hpa.value() >> 12) - first_; }
    [[nodiscard]] Hpa address(std::uint64_t at) const { return Hpa{(first_ + at) << 12}; }
    [[nodiscard]] Frame& frame(Hpa hpa) { return frames_[index(hpa)]; }

    void put(std::uint64_t at, unsigned order);
    void merge_and_put(std::uint64_t at, unsigned order);
    std::uint64_t take_first(unsigned order);

    std::span<Frame> frames_;
    std::uint64_t first_;
    std::uint64_t total_ = 0;
    std::uint64_t free_ = 0;
    std::array<FreeList, largest_order + 1> lists_;
    /// Bit k is set when lists_[k] holds a block.
    std::uint32_t available_ = 0;
};

inline void FramePool::put(std::uint64_t at, unsigned order) {
    Frame& head = frames_[at];
    head.state = Frame::State::free;
    head.order = static_cast<std::uint8_t>(order);
    lists_[order].push_front(head);
    available_ |= 1U << order;
}

inline std::uint64_t FramePool::take_first(unsigned order) {
    FreeList& list = lists_[order];
    Frame& head = list.front();
    list.pop_front();
    if (list.empty()) available_ &= ~(1U << order);
    return static_cast<std::uint64_t>(&head - frames_.data());
}

inline std::optional<Hpa> FramePool::allocate(unsigned order) {
    std::uint32_t const fitting = available_ & ~((1U << order) - 1);
    if (fitting == 0) return std::nullopt;

    auto from = static_cast<unsigned>(std::countr_zero(fitting));
    std::uint64_t const at = take_first(from);
    while (from > order) {
        --from;
        put(at + (std::uint64_t{1} << from), from);
    }
    Frame& head = frames_[at];
    head.state = Frame::State::allocated;
    head.order = static_cast<std::uint8_t>(order);
    head.references = 1;
    free_ -= std::uint64_t{1} << order;
    return address(at);
}

inline void FramePool::merge_and_put(std::uint64_t at, unsigned order) {
    for (; order < largest_order; ++order) {
        std::uint64_t const buddy = at ^ (std::uint64_t{1} << order);
        if (buddy >= frames_.size()) break;
        Frame& neighbour = frames_[buddy];
        if (neighbour.state != Frame::State::free || neighbour.order != order) break;
        FreeList& list = lists_[order];
        list.erase(list.iterator_to(neighbour));
        if (list.empty()) available_ &= ~(1U << order);
        at = std::min(at, buddy);
    }
    put(at, order);
}

inline std::uint32_t FramePool::release(Hpa head) {
    Frame& block = frame(head);
    if (--block.references > 0) return block.references;
    free_ += std::uint64_t{1} << block.order;
    merge_and_put(index(head), block.order);
    return 0;
}

inline std::uint64_t FramePool::add(Hpa begin, Hpa end) {
    std::uint64_t const last = std::min(end.value() >> 12, first_ + frames_.size());
    std::uint64_t const from =
        std::max((begin.value() >> 12) + (begin.is_aligned(4096) ? 0 : 1), first_);
    if (from >= last) return 0;

    for (std::uint64_t at = from - first_, left = last - from; left > 0;) {
        auto const aligned =
            static_cast<unsigned>(std::countr_zero(at | std::uint64_t{1} << largest_order));
        auto const fitting = static_cast<unsigned>(std::bit_width(left)) - 1;
        unsigned const order = std::min(aligned, fitting);
        merge_and_put(at, order);
        at += std::uint64_t{1} << order;
        left -= std::uint64_t{1} << order;
    }
    total_ += last - from;
    free_ += last - from;
    return last - from;
}

} // namespace twofold
