// The order in which pages are touched.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace twofold::guest {

enum class Pattern : std::uint8_t {
    /// One after another.
    sequential,
    /// Every `stride`-th, then from the second on every `stride`-th, and so on.
    stride,
    /// Without visible order; which order is decided by `seed` alone.
    random,
};

struct PageOrder {
    Pattern pattern = Pattern::sequential;
    /// Pages from one touch to the next, 1 or more; with Pattern::stride only.
    std::uint64_t stride = 1;
    /// With Pattern::random only.
    std::uint64_t seed = 1;
};

/// Mixes the numbers below a power of two among themselves: each step can be undone, so no two of
/// them come to the same place.
class Shuffle {
  public:
    /// Of the numbers below the smallest power of two that is not below `count`, 1 or more.
    Shuffle(std::uint64_t count, std::uint64_t seed)
        : mask_(std::bit_ceil(count) - 1),
          shift_(static_cast<unsigned>(std::bit_width(mask_)) / 2 + 1), seed_(seed) {}

    [[nodiscard]] std::uint64_t size() const { return mask_ + 1; }
    [[nodiscard]] std::uint64_t operator()(std::uint64_t number) const {
        std::uint64_t mixed = (number + seed_) & mask_;
        // Odd numbers of many bits, so that each lower bit reaches the upper ones.
        for (std::uint64_t const factor :
             {0x9e37'79b9'7f4a'7c15 + 2 * seed_, std::uint64_t{0xd6e8'feb8'6659'fd93}}) {
            mixed = (mixed * factor) & mask_;
            mixed ^= mixed >> shift_;
        }
        return mixed;
    }

  private:
    std::uint64_t mask_;
    unsigned shift_;
    std::uint64_t seed_;
};

/// Calls `visit(page)` once for each page below `pages`, 1 or more, in this order.
template <class Visit>
void visit_pages(PageOrder const& order, std::uint64_t pages, Visit&& visit) {
    if (order.pattern == Pattern::random) {
        Shuffle const shuffle{pages, order.seed};
        for (std::uint64_t number = 0; number < shuffle.size(); ++number) {
            std::uint64_t const page = shuffle(number);
            if (page < pages) visit(page);
        }
        return;
    }
    std::uint64_t const step = order.pattern == Pattern::stride ? std::min(order.stride, pages) : 1;
    for (std::uint64_t first = 0; first < step; ++first) {
        for (std::uint64_t page = first; page < pages; page += step)
            visit(page);
    }
}

} // namespace twofold::guest
