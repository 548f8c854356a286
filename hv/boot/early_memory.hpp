// Memory for the hypervisor itself, before anything manages frames.
#pragma once

#include "hv/boot/memory_ranges.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace twofold::hv {

/// Takes frames out of the usable memory for good; what is left is for guests.
class EarlyMemory {
  public:
    /// The loader's page tables reach this far.
    static constexpr Hpa limit{std::uint64_t{4} << 30};

    explicit constexpr EarlyMemory(MemoryRanges const& usable) : left_(usable) {}

    /// Frames for `bytes` bytes, as high as possible below `limit`, contents undefined; nothing
    /// when no range is large enough. `alignment`: a power of two, 4096 or more.
    [[nodiscard]] constexpr std::optional<Hpa> allocate(std::uint64_t bytes,
                                                        std::uint64_t alignment = 4096) {
        if (bytes == 0 || bytes > limit.value()) return std::nullopt;
        std::uint64_t const rounded = (bytes + 4095) / 4096 * 4096;
        for (auto range = left_.all().rbegin(); range != left_.all().rend(); ++range) {
            Hpa const end = std::min(range->end, limit);
            if (end < range->begin + rounded) continue;
            Hpa const begin = Hpa{end.value() - rounded}.aligned_down(alignment);
            if (begin < range->begin) continue;
            left_.remove({begin, begin + rounded});
            return begin;
        }
        return std::nullopt;
    }

    [[nodiscard]] constexpr MemoryRanges const& left() const { return left_; }

  private:
    MemoryRanges left_;
};

} // namespace twofold::hv
