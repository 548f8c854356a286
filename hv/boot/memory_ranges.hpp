// Sets of physical addresses.
#pragma once

#include <twofold/arch/address.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::hv {

/// [begin, end).
struct MemoryRange {
    Hpa begin;
    Hpa end;

    [[nodiscard]] constexpr bool empty() const { return begin >= end; }
    [[nodiscard]] constexpr std::uint64_t bytes() const { return empty() ? 0 : end - begin; }
    [[nodiscard]] constexpr bool overlaps(MemoryRange other) const {
        return !empty() && !other.empty() && begin < other.end && other.begin < end;
    }
    /// An empty range is held by every range.
    [[nodiscard]] constexpr bool holds(MemoryRange other) const {
        return other.empty() || (begin <= other.begin && other.end <= end);
    }
    friend constexpr bool operator==(MemoryRange, MemoryRange) = default;
};

/// A set of addresses as ranges: in order, none empty, none touching the next. Holds `capacity` of
/// them; when one more is needed, the smallest is given up, so that the set never holds an address
/// that it should not.
class MemoryRanges {
  public:
    static constexpr std::size_t capacity = 128;

    [[nodiscard]] constexpr std::span<MemoryRange const> all() const {
        return std::span{ranges_}.first(count_);
    }
    [[nodiscard]] constexpr bool hold(MemoryRange range) const {
        return range.empty() ||
               std::ranges::any_of(all(), [&](MemoryRange const& one) { return one.holds(range); });
    }
    [[nodiscard]] constexpr std::uint64_t bytes() const {
        std::uint64_t bytes = 0;
        for (MemoryRange const& range : all())
            bytes += range.bytes();
        return bytes;
    }

    constexpr void add(MemoryRange range);
    constexpr void remove(MemoryRange range);
    /// Leaves whole 4 KiB frames only.
    constexpr void keep_whole_frames();

  private:
    constexpr void insert(MemoryRange range);
    constexpr void erase(std::size_t at);
    [[nodiscard]] constexpr std::size_t smallest() const;

    std::array<MemoryRange, capacity> ranges_{};
    std::size_t count_ = 0;
};

constexpr void MemoryRanges::add(MemoryRange range) {
    if (range.empty()) return;
    for (std::size_t at = 0; at < count_;) {
        MemoryRange const other = ranges_[at];
        if (other.end < range.begin || range.end < other.begin) {
            ++at;
        } else {
            range = {std::min(range.begin, other.begin), std::max(range.end, other.end)};
            erase(at);
        }
    }
    insert(range);
}

constexpr void MemoryRanges::remove(MemoryRange range) {
    for (std::size_t at = 0; at < count_;) {
        MemoryRange const other = ranges_[at];
        if (!other.overlaps(range)) {
            ++at;
            continue;
        }
        erase(at);
        // Neither is met again: what is left does not overlap.
        insert({other.begin, range.begin});
        insert({range.end, other.end});
        at = 0;
    }
}

constexpr void MemoryRanges::keep_whole_frames() {
    MemoryRanges whole;
    for (MemoryRange const& range : all()) {
        whole.insert({(range.begin + 4095).aligned_down(4096), range.end.aligned_down(4096)});
    }
    *this = whole;
}

constexpr void MemoryRanges::insert(MemoryRange range) {
    if (range.empty()) return;
    if (count_ == capacity) {
        std::size_t const victim = smallest();
        if (ranges_[victim].bytes() >= range.bytes()) return;
        erase(victim);
    }
    std::size_t at = count_++;
    for (; at > 0 && range.begin < ranges_[at - 1].begin; --at)
        ranges_[at] = ranges_[at - 1];
    ranges_[at] = range;
}

constexpr void MemoryRanges::erase(std::size_t at) {
    std::copy(ranges_.begin() + at + 1, ranges_.begin() + count_, ranges_.begin() + at);
    --count_;
}

constexpr std::size_t MemoryRanges::smallest() const {
    auto const found = std::ranges::min_element(all(), {}, &MemoryRange::bytes);
    return static_cast<std::size_t>(found - all().begin());
}

} // namespace twofold::hv
