// A set-associative cache with exact LRU replacement: what every modelled TLB and
// paging-structure cache is made of.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

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
    constexpr explicit AssociativeCache(Geometry geometry = {}) { reshape(geometry); }
    /// Before anything is put in.
    constexpr void reshape(Geometry geometry) {
        set_mask_ = geometry.sets - 1;
        ways_ = geometry.ways;
        row_ = geometry.ways == 0 ? unrolled : (geometry.ways + unrolled - 1) / unrolled * unrolled;
    }

    [[nodiscard]] constexpr bool exists() const { return ways_ != 0; }

    /// `index` selects the set by its low bits.
    [[nodiscard, gnu::always_inline]] constexpr Value* find(std::uint64_t key,
                                                            std::uint64_t index) {
        // A set has `unrolled` slots at least, so that the loop need not look before it begins.
        Slot* slot = set_of(index);
        Slot const* const end = slot + row_;
        do {
            for (std::uint32_t at = 0; at < unrolled; ++at)
                if (slot[at].key == key) return used(slot[at]);
            slot += unrolled;
        } while (slot != end);
        return nullptr;
    }

    /// `key` must not be in the cache.
    constexpr void insert(std::uint64_t key, std::uint64_t index, Value const& value) {
        if (ways_ == 0) return;
        Slot* const set = set_of(index);
        Slot* oldest = set;
        for (Slot* slot = set + 1; slot != set + ways_; ++slot)
            if (slot->last_use < oldest->last_use) oldest = slot;
        oldest->key = key;
        oldest->value = value;
        oldest->last_use = ++clock_;
    }

    constexpr void erase(std::uint64_t key, std::uint64_t index) {
        Slot* const set = set_of(index);
        for (Slot* slot = set; slot != set + ways_; ++slot)
            if (slot->key == key) forget(*slot);
    }

    /// Drops the entries for which `drop(key, value)` holds.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for (Slot& slot : slots())
            if (slot.key != 0 && drop(slot.key, slot.value)) forget(slot);
    }

    /// How many entries there are for which `holds(key, value)`.
    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_if(Predicate&& holds) {
        std::uint32_t count = 0;
        for (Slot const& slot : slots())
            count += slot.key != 0 && holds(slot.key, slot.value) ? 1 : 0;
        return count;
    }

  private:
    /// A row of slots is a whole number of these: those beyond the ways have key 0 for ever.
    static constexpr std::uint32_t unrolled = 4;

    struct Slot {
        std::uint64_t key = 0;
        /// By the clock of uses; 0: free, so that it is taken first.
        std::uint64_t last_use = 0;
        Value value{};
    };

    constexpr Slot* set_of(std::uint64_t index) {
        return slots_.data() + (index & set_mask_) * row_;
    }
    [[gnu::always_inline]] constexpr Value* used(Slot& slot) {
        slot.last_use = ++clock_;
        return &slot.value;
    }
    static constexpr void forget(Slot& slot) { slot = {}; }
    constexpr std::span<Slot> slots() {
        return std::span{slots_}.first((std::size_t{set_mask_} + 1) * row_);
    }

    std::uint64_t set_mask_ = 0;
    std::uint64_t ways_ = 0;
    std::uint64_t row_ = unrolled;
    std::uint64_t clock_ = 0;
    /// Room for the longest rows: of one way each.
    std::array<Slot, std::size_t{MostEntries} * unrolled> slots_{};
};

} // namespace twofold
