// Page tables that map regions of memory to themselves.
#pragma once

#include "hv/boot/mapped_regions.hpp"

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/map.hpp>

#include <cstdint>
#include <expected>

namespace twofold::hv {

/// The hypervisor's own paging.
using HostPaging = X86Format<Hva, Hpa, 4>;

/// The largest page that starts at the range's beginning and does not reach beyond its end.
constexpr PageSize largest_page(HostPaging const& format, MemoryRange range) {
    for (PageSize const size : {page_1g, page_2m}) {
        if (size == page_1g && !format.pages_1g) continue;
        if (range.begin.is_aligned(size.bytes()) && range.bytes() >= size.bytes()) return size;
    }
    return page_4k;
}

/// Maps the beginning of `region`, as far as one table of leaves goes: the first page by the
/// editor, its neighbours by plain stores beside it, since walking down for each would be most of
/// the work. Returns what is left.
template <class Memory, class Tables>
[[nodiscard]] constexpr std::expected<MemoryRange, MapError>
map_one_table(HostPaging const& format, Hpa root, MappedRegion const& region, Memory& memory,
              Tables& tables) {
    Hpa at = region.range.begin;
    PageSize const size = largest_page(format, region.range);
    unsigned const level = HostPaging::level_of(size);
    auto const first =
        map(format, root, Hva{at.value()}, size, at, region.permissions, memory, tables);
    if (!first) return std::unexpected(first.error());
    auto const slot = find_slot(format, root, Hva{at.value()}, level, memory);
    if (!slot) return std::unexpected(slot.error());

    Hpa entry = slot->address;
    for (at = at + size.bytes(), entry = entry + 8;
         !entry.is_aligned(4096) && region.range.end - at >= size.bytes();
         at = at + size.bytes(), entry = entry + 8) {
        X86Entry const leaf = X86Entry::to_frame(at.value(), level, region.permissions);
        if (!memory.write(entry, leaf.word())) return std::unexpected(MapError::memory_failed);
    }
    return MemoryRange{at, region.range.end};
}

/// Builds tables that map each region to itself, by the largest pages that the processor has.
/// Returns the top table, or what failed: out_of_frames from `tables`. Regions are whole frames and
/// do not overlap.
template <class Memory, class Tables>
[[nodiscard]] constexpr std::expected<Hpa, MapError>
map_to_themselves(HostPaging const& format, std::span<MappedRegion const> regions, Memory& memory,
                  Tables& tables) {
    auto const root = tables.allocate_table();
    if (!root) return std::unexpected(MapError::out_of_frames);
    for (MappedRegion region : regions) {
        while (!region.range.empty()) {
            auto const left = map_one_table(format, *root, region, memory, tables);
            if (!left) return std::unexpected(left.error());
            region.range = *left;
        }
    }
    return *root;
}

} // namespace twofold::hv
