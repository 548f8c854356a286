// The frames of host memory: a buddy allocator over Boost.Intrusive lists, with a count of the
// page-table entries that point to each frame.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/memory/frame_metadata.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// Hands out blocks of 2^order frames, each aligned to its size, and takes them back when the last
/// entry that points to them is gone. Touches its metadata only, never the frames themselves. Not
/// thread-safe.
///
/// References are counted by the level of the entry that points: a 4 KiB frame can be reached by
/// level-1 entries (leaves, and every entry that leads to a table counts as one), by a 2 MiB leaf
/// around it (level 2) and by a 1 GiB leaf (level 3), all at once where spaces that share a large
/// frame have split it. A frame is free when none of the three is left.
///
/// What is handed out is looked at once more: a frame that is not free, or that an entry points to,
/// is withheld from everybody, and counted. So no mapping that begins with a frame from here can
/// lead to memory that is another's, or that the pool does not have, such as the hypervisor's own.
class FramePool {
  public:
    /// `metadata` describes the frames from number `first_frame` on, a multiple of 2^18, so that
    /// alignment in the arrays is alignment in memory. All frames start absent.
    FramePool(FrameMetadata const& metadata, std::uint64_t first_frame)
        : data_(metadata), first_(first_frame) {}

    FramePool(FramePool const&) = delete;
    FramePool& operator=(FramePool const&) = delete;

    /// Gives the pool [begin, end), rounded inwards to whole frames, which it must not have yet.
    /// What lies outside the metadata is left out. Costs one step a block, not a frame. Returns how
    /// many frames were taken.
    std::uint64_t add(Hpa begin, Hpa end);

    /// A frame for a leaf at `level`, 1 to 3, or a table (level 1), with one reference, contents
    /// undefined; or nothing when there is none.
    [[nodiscard]] std::optional<Hpa> allocate(unsigned level = 1);

    /// The same for one frame (level 1), in the fewest steps. False when there is none.
    [[nodiscard]] bool take(Hpa& frame);

    /// One more entry at `level` points to `frame`, which must have a reference; one that has none
    /// is a fault.
    void retain(Hpa frame, unsigned level = 1) {
        if (count(frame, level)++ == 0) [[unlikely]]
            ++faults_;
    }

    /// One entry at `level` less points to `frame`. What no entry of any level reaches any more is
    /// free. Returns the references left at this level. A frame that has none is a fault, and stays
    /// as it is.
    std::uint32_t release(Hpa frame, unsigned level = 1);

    /// Entries at `level` that point to `frame`.
    [[nodiscard]] std::uint32_t references(Hpa frame, unsigned level = 1) const {
        return data_.references[level - 1][index(frame) >> shift(level)];
    }
    /// One entry at `level` points to `frame`, and nothing else reaches any part of it.
    [[nodiscard]] bool exclusive(Hpa frame, unsigned level) const;

    /// A leaf of 2 MiB or 1 GiB reaches the frame.
    [[nodiscard]] bool within_large_leaf(Hpa frame) const {
        return reached_from_above(index(frame), 1);
    }

    /// Before a large leaf becomes a table: its parts become blocks of the next smaller size, each
    /// with one more reference, the whole has one less. `frame` must have a reference at `level`, 2
    /// or 3.
    void split(Hpa frame, unsigned level);

    /// The opposite: 512 neighbours, each with the one reference that is about to go, become one
    /// block with one reference at `level`.
    void join(Hpa frame, unsigned level);

    /// The counts of references by level-1 entries, indexed by frame number, for who counts a whole
    /// table of them. That of frame 0 is nobody's: nothing when the pool does not begin there, or
    /// has that frame.
    [[nodiscard]] std::uint32_t* counts_by_number() {
        bool const starts_at_0 = first_ == 0 && data_.frames[0].state == Frame::State::absent;
        return starts_at_0 ? data_.references[0].data() : nullptr;
    }
    /// Whether a block of more than one frame was ever handed out or joined.
    [[nodiscard]] bool has_large_blocks() const { return has_large_blocks_; }

    /// Counts of 4 KiB frames.
    [[nodiscard]] std::uint64_t frames_total() const { return total_; }
    [[nodiscard]] std::uint64_t frames_free() const { return free_; }
    [[nodiscard]] std::uint64_t frames_used() const { return total_ - free_; }
    /// How often a frame was withheld, or one without a reference was retained or released.
    [[nodiscard]] std::uint64_t faults() const { return faults_; }

  private:
    friend class FrameAudit;

    using FreeList = boost::intrusive::list<Frame, boost::intrusive::constant_time_size<false>>;

    static constexpr unsigned shift(unsigned level) { return 9 * (level - 1); }
    [[nodiscard]] std::uint64_t index(Hpa hpa) const { return (hpa.value() >> 12) - first_; }
    [[nodiscard]] Hpa address(std::uint64_t at) const { return Hpa{(first_ + at) << 12}; }
    [[nodiscard]] std::uint32_t& count(Hpa frame, unsigned level) {
        return data_.references[level - 1][index(frame) >> shift(level)];
    }
    /// A leaf of a level above `level` reaches the frame at `at`.
    [[nodiscard]] bool reached_from_above(std::uint64_t at, unsigned level) const;

    /// No entry of any level points into the block at `at`, for leaves at `level`, and it is free.
    [[nodiscard]] bool is_unreferenced_block(std::uint64_t at, unsigned level) const;
    [[nodiscard, gnu::cold]] std::optional<Hpa> allocate_large(unsigned level);
    /// Keeps a block from everybody.
    void withhold(std::uint64_t at, unsigned level) {
        data_.frames[at].state = Frame::State::withheld;
        free_ -= std::uint64_t{1} << shift(level);
        ++faults_;
    }
    [[gnu::noinline, gnu::cold]] bool withhold_and_take(std::uint64_t at, Hpa& frame) {
        withhold(at, 1);
        return take(frame);
    }

    void put(std::uint64_t at, unsigned order);
    void merge_and_put(std::uint64_t at, unsigned order);
    void free_block(std::uint64_t at, unsigned level);
    std::uint64_t take_first(unsigned order);
    std::uint64_t split_off(unsigned order);

    FrameMetadata data_;
    std::uint64_t first_;
    std::uint64_t total_ = 0;
    std::uint64_t free_ = 0;
    std::uint64_t faults_ = 0;
    std::array<FreeList, largest_order + 1> lists_;
    /// Bit k is set when lists_[k] holds a block.
    std::uint32_t available_ = 0;
    bool has_large_blocks_ = false;
};

inline void FramePool::put(std::uint64_t at, unsigned order) {
    Frame& head = data_.frames[at];
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
    return static_cast<std::uint64_t>(&head - data_.frames.data());
}

/// A block of 2^`order` frames, or the first part of the smallest larger one, whose other parts
/// become blocks of their own. There must be one.
[[gnu::always_inline]] inline std::uint64_t FramePool::split_off(unsigned order) {
    auto from = static_cast<unsigned>(std::countr_zero(available_ & ~((1U << order) - 1)));
    std::uint64_t const at = take_first(from);
    while (from > order) {
        --from;
        put(at + (std::uint64_t{1} << from), from);
    }
    return at;
}

inline std::optional<Hpa> FramePool::allocate(unsigned level) {
    if (level > 1) return allocate_large(level);
    Hpa frame;
    return take(frame) ? std::optional{frame} : std::nullopt;
}

[[gnu::always_inline]] inline bool FramePool::take(Hpa& frame) {
    if (available_ == 0) return false;
    std::uint64_t const at = split_off(0);
    Frame& head = data_.frames[at];
    // That a larger leaf reaches it needs no look: what one reaches comes into no list.
    if (head.state != Frame::State::free || data_.references[0][at] != 0) [[unlikely]]
        return withhold_and_take(at, frame);
    head.state = Frame::State::allocated;
    head.order = 0;
    data_.references[0][at] = 1;
    --free_;
    frame = address(at);
    return true;
}

inline void FramePool::merge_and_put(std::uint64_t at, unsigned order) {
    for (; order < largest_order; ++order) {
        std::uint64_t const buddy = at ^ (std::uint64_t{1} << order);
        if (buddy >= data_.frames.size()) break;
        Frame& neighbour = data_.frames[buddy];
        if (neighbour.state != Frame::State::free || neighbour.order != order) break;
        FreeList& list = lists_[order];
        list.erase(list.iterator_to(neighbour));
        if (list.empty()) available_ &= ~(1U << order);
        at = std::min(at, buddy);
    }
    put(at, order);
}

inline bool FramePool::reached_from_above(std::uint64_t at, unsigned level) const {
    for (unsigned above = level + 1; above <= 3; ++above) {
        if (data_.references[above - 1][at >> shift(above)] != 0) return true;
    }
    return false;
}

inline bool FramePool::exclusive(Hpa frame, unsigned level) const {
    std::uint64_t const at = index(frame);
    // A block that was split for one of its sharers may be reached in parts.
    return references(frame, level) == 1 && data_.frames[at].order == shift(level) &&
           !reached_from_above(at, level);
}

/// Frees what no entry reaches of the block at `at`, to which no entry at `level` or above points
/// any more.
inline void FramePool::free_block(std::uint64_t at, unsigned level) {
    unsigned const order = shift(level);
    if (level == 1 || data_.frames[at].order == order) {
        free_ += std::uint64_t{1} << order;
        merge_and_put(at, order);
        return;
    }
    std::uint64_t const part = std::uint64_t{1} << shift(level - 1);
    for (unsigned i = 0; i < 512; ++i, at += part) {
        if (data_.references[level - 2][at >> shift(level - 1)] == 0) free_block(at, level - 1);
    }
}

inline std::uint32_t FramePool::release(Hpa frame, unsigned level) {
    if (count(frame, level) == 0) [[unlikely]] {
        ++faults_;
        return 0;
    }
    std::uint32_t const left = --count(frame, level);
    std::uint64_t const at = index(frame);
    if (left == 0 && !reached_from_above(at, level)) free_block(at, level);
    return left;
}

inline std::uint64_t FramePool::add(Hpa begin, Hpa end) {
    std::uint64_t const last = std::min(end.value() >> 12, first_ + data_.frames.size());
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

#include <twofold/memory/frame_pool_large.hpp>
