// A set-associative cache with exact LRU replacement: what every modelled TLB and
// paging-structure cache is made of.
#pragma once

#include <twofold/model/use_order.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
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

/// A copy for the comparisons: what is kept for later may lie in memory, and would be read again
/// for each of them.
template <class Word>
[[gnu::always_inline]] constexpr Word in_register(Word word) {
    if
        !consteval { asm("" : "+r"(word)); }
    return word;
}

/// What is known of caches where they are used: nothing, or that each has one way to four.
enum class RowsKnown : std::uint8_t { any, one_to_four };

/// Maps keys that are not 0 to values. What is found or put in becomes the most recently used of
/// its set; what is put in takes the place of the least recently used, or of one that was erased.
///
/// This is the inner loop of every simulation, so it is laid out for few instructions. A set is a
/// row of slots, found by a rotation and a mask, and its slots are compared four at a time. Up to
/// four slots keep the order of their uses in one byte, which a table maps to the next one. Longer
/// rows keep the time of each slot's last use, with the slot's own place in its low bits, so that
/// the minimum of the times is the place of the victim.
template <class Value, std::uint32_t MostEntries>
class AssociativeCache {
    struct Slot;

  public:
    static constexpr std::uint32_t most_entries = MostEntries;
    /// The slots that an address may be kept in.
    using Set = Slot*;

    /// What finds in a cache of short rows, by value: it stays in registers.
    struct ShortRows {
        Slot* first = nullptr;
        std::uint64_t set_mask = 0;
        std::uint8_t const* successors = nullptr;

        [[nodiscard, gnu::always_inline]] constexpr Set set_of(std::uint64_t address,
                                                               std::uint32_t rotation) const {
            return at_place(first, std::rotr(address, static_cast<int>(rotation)) & set_mask);
        }
        /// Written out, not a loop: compilers leave short loops as they are.
        [[nodiscard, gnu::always_inline]] constexpr Value* find_in(Set set,
                                                                   std::uint64_t key) const {
            if (set[0].key == key) return use(set, 0);
            if (set[1].key == key) return use(set, 1);
            if (set[2].key == key) return use(set, 2);
            if (set[3].key == key) return use(set, 3);
            return nullptr;
        }
        [[gnu::always_inline]] constexpr void insert_in(Set set, std::uint64_t key,
                                                        Value const& value) const {
            std::uint64_t const order = set->last_use;
            Slot& slot = set[order & 3];
            set->last_use = successors[use_order::most_slots * 256 + order];
            slot.key = key;
            slot.value = value;
        }

      private:
        [[gnu::always_inline]] constexpr Value* use(Set set, unsigned way) const {
            set->last_use = successors[way * 256 + set->last_use];
            return &set[way].value;
        }
    };

    /// `geometry` must be valid for `most_entries`.
    constexpr explicit AssociativeCache(Geometry geometry = {}) { reshape(geometry); }
    /// Before anything is put in.
    constexpr void reshape(Geometry geometry) {
        ways_ = geometry.ways;
        compared_ = std::max(1U, (geometry.ways + unrolled - 1) / unrolled) * unrolled *
                    std::uint32_t{sizeof(Slot)};
        row_shift_ = static_cast<std::uint32_t>(std::bit_width(compared_ - 1U));
        set_mask_ = std::uint64_t{geometry.sets - 1} << row_shift_;
        successors_ = ways_ > unrolled
                          ? nullptr
                          : use_order::successors[std::max(ways_, std::uint32_t{1}) - 1].data();
        for_each_set([&](Set set) {
            for (std::uint32_t place = 0; place < compared_; place += sizeof(Slot))
                at_place(set, place)->last_use =
                    place < geometry.ways * sizeof(Slot) ? place : never_oldest;
            if (successors_ != nullptr) set->last_use = use_order::initial;
        });
    }

    [[nodiscard]] constexpr bool exists() const { return ways_ != 0; }
    /// Whether `short_rows` may be used in place of the cache.
    [[nodiscard]] constexpr bool has_short_rows() const { return successors_ != nullptr; }
    /// Whether RowsKnown::one_to_four holds.
    [[nodiscard]] constexpr bool one_to_four() const { return exists() && has_short_rows(); }
    [[nodiscard]] constexpr ShortRows short_rows() {
        return {slots_.data(), set_mask_, successors_};
    }

    /// What set_of takes to select a set by the bits of an address from `shift` up.
    [[nodiscard]] constexpr std::uint32_t rotation(unsigned shift) const {
        return (shift - row_shift_) & 63;
    }
    [[nodiscard, gnu::always_inline]] constexpr Set set_of(std::uint64_t address,
                                                           std::uint32_t rotation) {
        return at_place(slots_.data(), std::rotr(address, static_cast<int>(rotation)) & set_mask_);
    }

    template <RowsKnown Rows = RowsKnown::any>
    [[nodiscard, gnu::always_inline]] constexpr Value* find_in(Set set, std::uint64_t key) {
        if (Rows == RowsKnown::one_to_four || has_short_rows()) [[likely]]
            return short_rows().find_in(set, key);
        return find_in_long(set, key);
    }
    /// `key` must not be in the set, and the cache must exist.
    template <RowsKnown Rows = RowsKnown::any>
    [[gnu::always_inline]] constexpr void insert_in(Set set, std::uint64_t key,
                                                    Value const& value) {
        if (Rows == RowsKnown::one_to_four || has_short_rows()) [[likely]]
            return short_rows().insert_in(set, key, value);
        insert_in_long(set, key, value);
    }
    /// The same where sets are expected to be longer than four.
    [[nodiscard, gnu::always_inline]] constexpr Value* find_in_long(Set set, std::uint64_t key) {
        Slot* four = set;
        Slot* const end = at_place(set, compared_);
        do {
            if (four[0].key == key) return use_in_long(set, four);
            if (four[1].key == key) return use_in_long(set, four + 1);
            if (four[2].key == key) return use_in_long(set, four + 2);
            if (four[3].key == key) return use_in_long(set, four + 3);
        } while ((four += unrolled) != end);
        return nullptr;
    }
    [[gnu::always_inline]] constexpr void insert_in_long(Set set, std::uint64_t key,
                                                         Value const& value) {
        std::uint64_t oldest = never_oldest;
        Slot const* four = set;
        Slot const* const end = at_place(set, compared_);
        do {
            oldest = oldest_of_four(oldest, four);
        } while ((four += unrolled) != end);
        std::uint64_t const place = oldest & place_mask;
        Slot* const slot = at_place(set, place);
        slot->key = key;
        slot->value = value;
        clock_ += tick;
        slot->last_use = clock_ + place;
    }
    constexpr void erase_in(Set set, std::uint64_t key) {
        for (std::uint32_t place = 0; place != compared_; place += sizeof(Slot))
            if (at_place(set, place)->key == key) forget(set, place);
    }

    /// The same, with the set selected by the low bits of `index`.
    [[nodiscard]] constexpr Value* find(std::uint64_t key, std::uint64_t index) {
        return find_in(set_of(index, rotation(0)), key);
    }
    constexpr void insert(std::uint64_t key, std::uint64_t index, Value const& value) {
        if (exists()) insert_in(set_of(index, rotation(0)), key, value);
    }
    constexpr void erase(std::uint64_t key, std::uint64_t index) {
        erase_in(set_of(index, rotation(0)), key);
    }

    /// Drops the entries for which `drop(key, value)` holds.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for_each_entry([&](Set set, std::uint32_t place, Slot const& slot) {
            if (drop(slot.key, slot.value)) forget(set, place);
        });
    }

    /// How many entries there are for which `holds(key, value)`.
    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_if(Predicate&& holds) {
        std::uint32_t count = 0;
        for_each_entry([&](Set, std::uint32_t, Slot const& slot) {
            count += holds(slot.key, slot.value) ? 1 : 0;
        });
        return count;
    }

  private:
    /// Rows have a whole number of fours: slots beyond the ways have key 0 for ever.
    static constexpr std::uint32_t unrolled = 4;
    static_assert(unrolled == use_order::most_slots);

    struct Contents {
        std::uint64_t key = 0;
        /// In the first slot of a short row the order of their uses. In a long row the time of the
        /// slot's last use, by the clock of uses, and in the low bits where in its row it lies, in
        /// bytes; the clock reads 0 in a free slot, so that it is taken first.
        std::uint64_t last_use = 0;
        Value value{};
    };
    struct alignas(std::bit_ceil(sizeof(Contents))) Slot : Contents {};

    static constexpr std::uint64_t place_mask = (std::uint64_t{256} * sizeof(Slot)) - 1;
    static constexpr std::uint64_t tick = place_mask + 1;
    /// Of the slots beyond the ways.
    static constexpr std::uint64_t never_oldest = ~std::uint64_t{0};

    /// By bytes: a multiplication by the size of a slot, and the division before it, cost more.
    [[gnu::always_inline]] static constexpr Slot* at_place(Slot* row, std::size_t bytes) {
        if
            consteval { return row + bytes / sizeof(Slot); }
        else {
            return reinterpret_cast<Slot*>(reinterpret_cast<std::byte*>(row) + bytes);
        }
    }
    [[gnu::always_inline]] constexpr Value* use_in_long(Set set, Slot* slot) {
        clock_ += tick;
        slot->last_use = clock_ + place_of(set, slot);
        return &slot->value;
    }
    [[gnu::always_inline]] static constexpr std::uint64_t place_of(Slot const* row,
                                                                   Slot const* slot) {
        if
            consteval { return static_cast<std::uint64_t>(slot - row) * sizeof(Slot); }
        else {
            return static_cast<std::uint64_t>(reinterpret_cast<std::byte const*>(slot) -
                                              reinterpret_cast<std::byte const*>(row));
        }
    }
    [[gnu::always_inline]] static constexpr std::uint64_t oldest_of_four(std::uint64_t oldest,
                                                                         Slot const* slot) {
        oldest = slot[0].last_use < oldest ? slot[0].last_use : oldest;
        oldest = slot[1].last_use < oldest ? slot[1].last_use : oldest;
        oldest = slot[2].last_use < oldest ? slot[2].last_use : oldest;
        return slot[3].last_use < oldest ? slot[3].last_use : oldest;
    }
    constexpr void forget(Set set, std::uint32_t place) {
        Slot& slot = *at_place(set, place);
        slot.key = 0;
        slot.value = {};
        if (has_short_rows()) {
            set->last_use =
                use_order::moved(static_cast<std::uint8_t>(set->last_use), place / sizeof(Slot), 0);
        } else {
            slot.last_use &= place_mask;
        }
    }
    template <class Action>
    constexpr void for_each_set(Action&& act) {
        for (std::uint64_t row = 0; row <= set_mask_; row += std::uint64_t{1} << row_shift_)
            act(at_place(slots_.data(), row));
    }
    template <class Action>
    constexpr void for_each_entry(Action&& act) {
        for_each_set([&](Set set) {
            for (std::uint32_t place = 0; place != compared_; place += sizeof(Slot))
                if (at_place(set, place)->key != 0) act(set, place, *at_place(set, place));
        });
    }

    /// In bytes, as are all measures of rows.
    std::uint64_t set_mask_ = 0;
    std::uint64_t clock_ = 0;
    /// Of short rows, else null.
    std::uint8_t const* successors_ = nullptr;
    /// The slots of a row that are looked at, and the logarithm of what rows lie apart.
    std::uint32_t compared_ = 0;
    std::uint32_t row_shift_ = 0;
    std::uint32_t ways_ = 0;
    /// Room for the longest rows: of one way each.
    std::array<Slot, std::size_t{MostEntries} * unrolled> slots_{};
};

} // namespace twofold
