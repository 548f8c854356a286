// Data caches as the walks' references meet them: where an entry was found.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/model/associative_cache.hpp>

#include <array>
#include <cstdint>

namespace twofold {

inline constexpr unsigned data_cache_levels = 3;

struct DataCacheShape {
    /// Lines of 64 bytes.
    std::array<Geometry, data_cache_levels> levels{Geometry{64, 8}, Geometry{1024, 16},
                                                   Geometry{16384, 16}};
};

/// Levels that are filled on every miss, each on its own.
class DataCaches {
  public:
    static constexpr unsigned line_shift = 6;
    static constexpr std::uint32_t most_lines = 1U << 18;

    constexpr explicit DataCaches(DataCacheShape const& shape) {
        for (unsigned at = 0; at < data_cache_levels; ++at)
            levels_[at].reshape(shape.levels[at]);
    }

    /// Touches the line of `address`. Returns the level that had it, 0 being the first, or
    /// `data_cache_levels` for memory.
    constexpr unsigned touch(Hpa address) {
        std::uint64_t const line = address.value() >> line_shift;
        unsigned level = 0;
        while (level < data_cache_levels && levels_[level].find(line + 1, line) == nullptr)
            ++level;
        for (unsigned missed = 0; missed < level; ++missed)
            levels_[missed].insert(line + 1, line, Nothing{});
        return level;
    }

  private:
    struct Nothing {};
    using Level = AssociativeCache<Nothing, most_lines>;
    std::array<Level, data_cache_levels> levels_;
};

} // namespace twofold
