// A set-associative cache with exact LRU replacement: what every modelled TLB and
// paging-structure cache is made of.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace twofold {

/// Sets and ways of a cache. No ways: there is no such cache. One set: fully associative.
struct Geometry {
    /// A power of two.
    std::uint32_t sets = 1;
    /// At most 255.
    std::uint32_t ways = 0;

    [[nodiscard]] constexpr std::uint32_t entries() const { return sets * ways; }
    [[nodiscard]] constexpr bool valid(std::uint32_t most_entries) const {
        return std::has_single_bit(sets) && ways <= 255 &&
               std::uint64_t{sets} * ways <= most_entries;
    }
    friend constexpr bool operator==(Geometry, Geometry) = default;
};

/// Maps keys that are not 0 to values. What is found or put in becomes the most recently used of
/// its set; what is put in takes the place of the least recently used, or of one that was erased.
template <class Value, std::uint32_t MostEntries>
class AssociativeCache {
  public:
    static constexpr std::uint32_t most_entries = MostEntries;

    /// `geometry` must be valid for `most_entries`.
    constexpr explicit AssociativeCache(Geometry geometry = {})
        : set_mask_(geometry.sets - 1), ways_(geometry.ways) {
        clear();
    }

    [[nodiscard]] constexpr bool exists() const { return ways_ != 0; }

    /// `index` selects the set by its low bits.
    [[nodiscard]] constexpr Value* find(std::uint64_t key, std::uint64_t index) {
        std::uint32_t const set = static_cast<std::uint32_t>(index) & set_mask_;
        std::uint32_t const base = set * ways_;
        for (std::uint32_t way = 0; way < ways_; ++way) {
            if (keys_[base + way] != key) continue;
            if (way != newest_[set]) make_newest(set, base, way);
            return &values_[base + way];
        }
        return nullptr;
    }

    /// `key` must not be in the cache.
    constexpr void insert(std::uint64_t key, std::uint64_t index, Value const& value) {
        if (ways_ == 0) return;
        std::uint32_t const set = static_cast<std::uint32_t>(index) & set_mask_;
        std::uint32_t const base = set * ways_;
        // The list is a ring: what stands before the newest is the oldest.
        std::uint8_t const way = newer_[base + newest_[set]];
        newest_[set] = way;
        keys_[base + way] = key;
        values_[base + way] = value;
    }

    constexpr void erase(std::uint64_t key, std::uint64_t index) {
        std::uint32_t const set = static_cast<std::uint32_t>(index) & set_mask_;
        std::uint32_t const base = set * ways_;
        for (std::uint32_t way = 0; way < ways_; ++way)
            if (keys_[base + way] == key) erase_way(set, base, way);
    }

    /// Drops the entries for which `drop(key, value)` holds.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for (std::uint32_t set = 0; set <= set_mask_; ++set) {
            std::uint32_t const base = set * ways_;
            for (std::uint32_t way = 0; way < ways_; ++way) {
                if (keys_[base + way] != 0 && drop(keys_[base + way], values_[base + way]))
                    erase_way(set, base, way);
            }
        }
    }

    constexpr void clear() {
        for (std::uint32_t set = 0; set <= set_mask_ && ways_ != 0; ++set) {
            newest_[set] = 0;
            for (std::uint32_t way = 0; way < ways_; ++way) {
                std::uint32_t const slot = set * ways_ + way;
                keys_[slot] = 0;
                older_[slot] = static_cast<std::uint8_t>((way + 1) % ways_);
                newer_[slot] = static_cast<std::uint8_t>((way + ways_ - 1) % ways_);
            }
        }
    }

    /// How many entries there are for which `holds(key, value)`.
    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_if(Predicate&& holds) const {
        std::uint32_t count = 0;
        for (std::uint32_t slot = 0; slot < (set_mask_ + 1) * ways_; ++slot)
            count += keys_[slot] != 0 && holds(keys_[slot], values_[slot]) ? 1 : 0;
        return count;
    }

  private:
    constexpr void erase_way(std::uint32_t set, std::uint32_t base, std::uint32_t way) {
        keys_[base + way] = 0;
        make_newest(set, base, way);
        newest_[set] = older_[base + way]; // it is the oldest now: the next to be used
    }
    /// Moves a way from where it stands in its ring to the front.
    constexpr void make_newest(std::uint32_t set, std::uint32_t base, std::uint32_t way) {
        std::uint8_t const self = static_cast<std::uint8_t>(way);
        std::uint8_t const front = newest_[set];
        newest_[set] = self;
        if (self == front || newer_[base + front] == self) return; // the ring only turns
        std::uint8_t const before = newer_[base + way];
        std::uint8_t const behind = older_[base + way];
        older_[base + before] = behind;
        newer_[base + behind] = before;
        std::uint8_t const oldest = newer_[base + front];
        newer_[base + front] = self;
        older_[base + way] = front;
        newer_[base + way] = oldest;
        older_[base + oldest] = self;
    }

    std::uint32_t set_mask_;
    std::uint32_t ways_;
    std::array<std::uint64_t, MostEntries> keys_{};
    std::array<Value, MostEntries> values_{};
    /// The ways of a set as a ring, from the most to the least recently used.
    std::array<std::uint8_t, MostEntries> older_{};
    std::array<std::uint8_t, MostEntries> newer_{};
    std::array<std::uint8_t, MostEntries> newest_{};
};

} // namespace twofold
