// What one simulation is of, and what it found.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/model/data_cache.hpp>
#include <twofold/model/processor_shape.hpp>
#include <twofold/model/reference_counts.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace twofold::vmm {

class RecordedTables;

enum class Technique : std::uint8_t { native, shadow, nested };
/// Which page of its memory a guest gives a gva: the next one, one from anywhere, or the one as far
/// up as the gva lies above `populate_from`.
enum class Placement : std::uint8_t { packed, scattered, linear };

struct Configuration {
    Technique technique = Technique::nested;
    PageSize guest_page = page_4k;
    /// Without meaning natively.
    PageSize host_page = page_4k;
    unsigned guest_levels = 4;
    unsigned ept_levels = 4;
    Placement placement = Placement::packed;
    bool data_caches = false;
    /// Mapped before the first access: from `populate_from`, so many bytes.
    Gva populate_from{};
    std::uint64_t populate_bytes = 0;
    /// The guest re-maps one of its pages every so many accesses; 0: never.
    std::uint64_t remap_every = 0;
    /// Walked instead of tables that are filled; page sizes and placement then mean nothing.
    std::shared_ptr<RecordedTables const> recorded = nullptr;
};

struct SimulationResult {
    std::uint64_t accesses = 0;
    std::uint64_t first_level_hits = 0;
    std::uint64_t second_level_hits = 0;
    /// Accesses that missed both levels.
    std::uint64_t walks = 0;
    /// Of the walks that found a translation; first touches are counted apart.
    ReferenceCounts references;
    /// Faults by which the guest and the hypervisor filled their tables at a first touch.
    std::uint64_t guest_faults = 0;
    std::uint64_t ept_violations = 0;
    /// Shadow paging only, at first touch and after: exits to fill a shadow entry, and to follow a
    /// change of the guest's tables.
    std::uint64_t shadow_fills = 0;
    std::uint64_t shadow_updates = 0;
    /// How often the guest re-mapped a page.
    std::uint64_t remaps = 0;
    /// With data caches: where the walks' references were found, memory last.
    std::array<std::uint64_t, data_cache_levels + 1> found_in{};
    /// Bytes of page tables that were built.
    std::uint64_t table_bytes = 0;

    [[nodiscard]] double per_access(std::uint64_t count) const {
        return accesses == 0 ? 0 : static_cast<double>(count) / static_cast<double>(accesses);
    }
    [[nodiscard]] double references_per_walk() const {
        return walks == 0 ? 0
                          : static_cast<double>(references.total()) / static_cast<double>(walks);
    }
};

/// "nested, guest 4K, host 2M".
std::string describe(Configuration const& configuration);

} // namespace twofold::vmm
