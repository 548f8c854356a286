// The translation caches that a processor has: the parameters of the model.
#pragma once

#include <twofold/model/guest_physical_caches.hpp>
#include <twofold/model/structure_cache.hpp>
#include <twofold/model/tlb.hpp>

namespace twofold {

inline constexpr std::uint32_t most_first_level_entries = 128;
inline constexpr std::uint32_t most_second_level_entries = 4096;

struct ProcessorShape {
    TlbShape first_level{};
    TlbShape second_level{};
    /// For linear or combined mappings: entries of the first dimension that lead to tables.
    StructureShape structures{};
    GuestPhysicalShape guest_physical{};

    /// Whether the model has room for every array, and each is well formed.
    [[nodiscard]] constexpr bool valid() const {
        for (auto const& array : first_level)
            if (!array.geometry.valid(most_first_level_entries)) return false;
        for (auto const& array : second_level)
            if (!array.geometry.valid(most_second_level_entries)) return false;
        for (auto const& level : structures)
            if (!level.valid(most_structure_entries)) return false;
        for (auto const& level : guest_physical.structures)
            if (!level.valid(most_structure_entries)) return false;
        return guest_physical.nested_tlb.valid(GuestPhysicalCaches::most_nested_entries);
    }
};

} // namespace twofold
