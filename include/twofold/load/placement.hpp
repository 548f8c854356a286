// Finds room in guest memory for what a loader adds to a kernel: out of the way of its image, of
// each other, and of what is no memory.
#pragma once

#include <twofold/arch/bits.hpp>
#include <twofold/load/pc_memory_map.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

class Placement {
  public:
    static constexpr std::size_t most_taken = 80;

    constexpr explicit Placement(PcMemoryMap const& map) {
        for (MemoryRange const& range : map.ranges())
            if (range.type != MemoryRangeType::available) take(range);
    }

    /// Nothing is placed on `range` any more. Once most_taken ranges are taken there is no more
    /// room for anything.
    constexpr void take(GpaRange range) {
        if (range.bytes == 0) return;
        if (count_ == most_taken) {
            full_ = true;
            return;
        }
        taken_[count_++] = range;
    }

    /// Takes the lowest room for `bytes` in `within` at a multiple of `alignment`, a power of two.
    [[nodiscard]] constexpr std::optional<Gpa> lowest(std::uint64_t bytes, std::uint64_t alignment,
                                                      GpaRange within) {
        std::uint64_t at = aligned_up(within.begin.value(), alignment);
        while (true) {
            if (!fits(at, bytes, within)) return std::nullopt;
            GpaRange const* const obstacle = obstacle_of({Gpa{at}, bytes});
            if (obstacle == nullptr) return taken(at, bytes);
            at = aligned_up(obstacle->end().value(), alignment);
        }
    }
    /// The same, the highest.
    [[nodiscard]] constexpr std::optional<Gpa> highest(std::uint64_t bytes, std::uint64_t alignment,
                                                       GpaRange within) {
        std::uint64_t end = within.end().value();
        while (true) {
            if (bytes > end) return std::nullopt;
            std::uint64_t const at = (end - bytes) & ~(alignment - 1);
            if (!fits(at, bytes, within)) return std::nullopt;
            GpaRange const* const obstacle = obstacle_of({Gpa{at}, bytes});
            if (obstacle == nullptr) return taken(at, bytes);
            end = obstacle->begin.value();
        }
    }

  private:
    [[nodiscard]] constexpr bool fits(std::uint64_t at, std::uint64_t bytes,
                                      GpaRange within) const {
        std::uint64_t const end = within.end().value();
        return !full_ && at >= within.begin.value() && at <= end && bytes <= end - at;
    }
    [[nodiscard]] constexpr GpaRange const* obstacle_of(GpaRange wanted) const {
        for (GpaRange const& range : std::span{taken_}.first(count_))
            if (range.overlaps(wanted)) return &range;
        return nullptr;
    }
    constexpr std::optional<Gpa> taken(std::uint64_t at, std::uint64_t bytes) {
        take({Gpa{at}, bytes});
        return Gpa{at};
    }

    std::array<GpaRange, most_taken> taken_{};
    std::size_t count_ = 0;
    bool full_ = false;
};

} // namespace twofold
