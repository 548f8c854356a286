// References counted by dimension and level.
#pragma once

#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstdint>

namespace twofold {

/// An observer of walks. The data access and the write-backs of accessed and dirty bits are not
/// references.
class ReferenceCounts {
  public:
    static constexpr unsigned most_levels = 5;

    constexpr void operator()(Reference const& reference) {
        ++counts_[static_cast<unsigned>(reference.dimension)][reference.level];
    }
    /// Level 1 is the PTE.
    [[nodiscard]] constexpr std::uint64_t at(Dimension dimension, unsigned level) const {
        return counts_[static_cast<unsigned>(dimension)][level];
    }
    [[nodiscard]] constexpr std::uint64_t of(Dimension dimension) const {
        std::uint64_t sum = 0;
        for (auto const count : counts_[static_cast<unsigned>(dimension)])
            sum += count;
        return sum;
    }
    [[nodiscard]] constexpr std::uint64_t total() const {
        return of(Dimension::guest) + of(Dimension::ept);
    }

  private:
    std::array<std::array<std::uint64_t, most_levels + 1>, 2> counts_{};
};

} // namespace twofold
