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
    constexpr void add(Dimension dimension, unsigned level, std::uint64_t count) {
        counts_[static_cast<unsigned>(dimension)][level] += count;
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

/// The references of walks that may turn out not to count, such as those that end in a fault. The
/// counts of a dimension are fields of one word, so that counting costs an addition.
class TentativeCounts {
  public:
    constexpr void operator()(Reference const& reference) {
        now_[static_cast<unsigned>(reference.dimension)] += std::uint64_t{1}
                                                            << shift(reference.level);
    }
    /// Forgets the references since the last of keep() and drop().
    constexpr void drop() { now_ = kept_; }
    constexpr void keep() {
        kept_ = now_;
        if (++walks_ == most_walks) pour();
    }
    [[nodiscard]] constexpr ReferenceCounts const& counts() {
        pour();
        return counts_;
    }

  private:
    static constexpr unsigned field_bits = 12;
    /// A walk reads an entry of one level at most six times: five guest levels and the data.
    static constexpr unsigned most_walks = ((1U << field_bits) - 1) / 6;

    static constexpr unsigned shift(unsigned level) { return field_bits * (level - 1); }
    /// References that are neither kept nor dropped stay.
    [[gnu::noinline]] constexpr void pour() {
        for (Dimension const dimension : {Dimension::guest, Dimension::ept}) {
            auto& kept = kept_[static_cast<unsigned>(dimension)];
            for (unsigned level = 1; level <= ReferenceCounts::most_levels; ++level)
                counts_.add(dimension, level, kept >> shift(level) & ((1U << field_bits) - 1));
            now_[static_cast<unsigned>(dimension)] -= kept;
            kept = 0;
        }
        walks_ = 0;
    }

    std::array<std::uint64_t, 2> now_{};
    std::array<std::uint64_t, 2> kept_{};
    unsigned walks_ = 0;
    ReferenceCounts counts_;
};

} // namespace twofold
