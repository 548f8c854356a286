// The paging-structure caches of one dimension: one cache for each level of entries that lead to
// tables.
#pragma once

#include <twofold/model/associative_cache.hpp>
#include <twofold/model/context.hpp>
#include <twofold/paging/walk.hpp>

#include <array>
#include <cstdint>

namespace twofold {

/// PDE, PDPTE, PML4E and PML5E: levels 2 to 5.
inline constexpr unsigned structure_levels = 4;
/// Sizes from the PDE cache up.
using StructureShape = std::array<Geometry, structure_levels>;
inline constexpr std::uint32_t most_structure_entries = 256;

/// What an entry that leads to a table says, its levels above included.
template <class Output>
struct StructureEntry {
    /// The table that it leads to, as the entry names it.
    Output table;
    /// What this entry and those above it allow together.
    Permissions permissions;
    /// Where the table lies in host-physical memory.
    Hpa host;
};
/// In the second dimension both are one.
template <>
struct StructureEntry<Hpa> {
    Hpa table;
    Permissions permissions;
};

/// Keeps entries of levels 2 to 5 of a format that yields `Output`.
template <class Output>
class StructureCaches {
    using Level = AssociativeCache<StructureEntry<Output>, most_structure_entries>;

  public:
    constexpr explicit StructureCaches(StructureShape const& shape) {
        for (unsigned at = 0; at < structure_levels; ++at) {
            levels_[at].reshape(shape[at]);
            rotations_[at] = levels_[at].rotation(shifts_[at]);
            one_to_four_ = one_to_four_ && levels_[at].one_to_four();
        }
    }
    /// Whether RowsKnown::one_to_four holds for all levels.
    [[nodiscard]] constexpr bool one_to_four() const { return one_to_four_; }

    struct Found {
        /// Level of the entry that was found; the walk goes on one below. 0: none was.
        unsigned level = 0;
        StructureEntry<Output> const* entry = nullptr;
    };
    /// Where the levels were looked in that had nothing: what is read from memory goes there.
    struct Missed {
        std::array<typename Level::Set, structure_levels> set{};
        std::array<std::uint64_t, structure_levels> key{};
    };

    /// What is kept from now on is of this format. Before anything is put in.
    template <PagingFormat Format>
    constexpr void use_format() {
        for (unsigned level = 2; level <= Format::levels; ++level) {
            unsigned const at = level - 2;
            shifts_[at] = Format::page_size(level).shift();
            rotations_[at] = levels_[at].rotation(shifts_[at]);
        }
    }

    /// The entry that saves most of the walk of `input`. It is valid until something is put in.
    template <PagingFormat Format, RowsKnown Rows, unsigned Level = 2>
    [[nodiscard, gnu::always_inline]] constexpr Found find(typename Format::Input input,
                                                           TagNumber tag, Missed& missed) {
        if constexpr (Level <= Format::levels) {
            constexpr unsigned shift = Format::page_size(Level).shift();
            std::uint64_t const key =
                cache_key::make(input.value(), shift, cache_key::low_bits(tag, 0));
            auto& cache = levels_[Level - 2];
            auto const set = cache.set_of(input.value(), rotations_[Level - 2]);
            missed.set[Level - 2] = set;
            missed.key[Level - 2] = key;
            if (auto const* const entry =
                    cache.template find_in<Rows>(in_register(set), in_register(key)))
                return {Level, entry};
            return find<Format, Rows, Level + 1>(input, tag, missed);
        }
        return {};
    }

    /// Keeps an entry of `level` that the last `find` missed.
    template <RowsKnown Rows>
    [[gnu::always_inline]] constexpr void insert(unsigned level, Missed const& missed,
                                                 StructureEntry<Output> const& entry) {
        auto& cache = levels_[level - 2];
        if (Rows == RowsKnown::any && !cache.exists()) return;
        cache.template insert_in<Rows>(missed.set[level - 2], missed.key[level - 2], entry);
    }

    /// Drops the entries that the walk of `input` under `tag` would use.
    constexpr void erase(std::uint64_t input, TagNumber tag) {
        for (unsigned at = 0; at < structure_levels; ++at)
            levels_[at].erase(cache_key::make(input, shifts_[at], cache_key::low_bits(tag, 0)),
                              input >> shifts_[at]);
    }
    /// Drops entries for which `drop(key, shift)` holds; 2^`shift` bytes are what an entry covers.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for (unsigned at = 0; at < structure_levels; ++at)
            levels_[at].erase_if(
                [&](std::uint64_t key, auto const&) { return drop(key, shifts_[at]); });
    }
    /// How many entries of `level` there are for which `holds(key)`.
    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_if(unsigned level, Predicate&& holds) {
        return levels_[level - 2].count_if(
            [&](std::uint64_t key, auto const&) { return holds(key); });
    }

  private:
    std::array<Level, structure_levels> levels_;
    std::array<unsigned, structure_levels> shifts_{21, 30, 39, 48};
    /// What selects the sets by these.
    std::array<std::uint32_t, structure_levels> rotations_{};
    bool one_to_four_ = true;
};

} // namespace twofold
