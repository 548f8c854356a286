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
    /// Where the table lies in host-physical memory.
    Hpa host;
    /// What this entry and those above it allow together.
    Permissions permissions;
};

/// Keeps entries of levels 2 to 5 of a format that yields `Output`.
template <class Output>
class StructureCaches {
  public:
    constexpr explicit StructureCaches(StructureShape const& shape) {
        for (unsigned at = 0; at < structure_levels; ++at)
            levels_[at].reshape(shape[at]);
    }

    struct Found {
        /// Level of the entry that was found; the walk goes on one below. 0: none was.
        unsigned level = 0;
        StructureEntry<Output> const* entry = nullptr;
    };

    /// The entry that saves most of the walk of `input`. It is valid until something is put in.
    template <PagingFormat Format, unsigned Level = 2>
    [[nodiscard, gnu::always_inline]] constexpr Found find(typename Format::Input input,
                                                           TagNumber tag) {
        if constexpr (Level <= Format::levels) {
            constexpr unsigned shift = Format::page_size(Level).shift();
            std::uint64_t const key =
                cache_key::make(input.value(), shift, cache_key::low_bits(tag, 0));
            auto& cache = levels_[Level - 2];
            auto const set = cache.set_of(input.value(), cache.rotation(shift));
            if (auto const* const entry = cache.find_in(set, key)) return {Level, entry};
            return find<Format, Level + 1>(input, tag);
        }
        return {};
    }

    /// Keeps an entry of `level` that `find` would not find.
    template <PagingFormat Format>
    [[gnu::always_inline]] constexpr void insert(unsigned level, typename Format::Input input,
                                                 TagNumber tag,
                                                 StructureEntry<Output> const& entry) {
        auto& cache = levels_[level - 2];
        if (!cache.exists()) return;
        unsigned const shift = Format::page_size(level).shift();
        shifts_[level - 2] = shift;
        cache.insert_in(cache.set_of(input.value(), cache.rotation(shift)),
                        cache_key::make(input.value(), shift, cache_key::low_bits(tag, 0)), entry);
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
    using Level = AssociativeCache<StructureEntry<Output>, most_structure_entries>;
    std::array<Level, structure_levels> levels_;
    std::array<unsigned, structure_levels> shifts_{21, 30, 39, 48};
};

} // namespace twofold
