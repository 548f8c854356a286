// From the firmware's memory map to the memory that can be relied on.
#pragma once

#include "hv/boot/memory_ranges.hpp"

#include <twofold/arch/bits.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace twofold::hv {

/// One entry of the firmware's memory map, as it came: nothing in it is to be trusted (ACPI
/// Specification, "INT 15H, E820H - Query System Address Map").
struct FirmwareMemoryEntry {
    static constexpr std::uint32_t usable = 1;

    std::uint64_t begin;
    std::uint64_t bytes;
    std::uint32_t type;
    /// Bit 0 clear: the entry is to be ignored.
    std::uint32_t attributes;

    [[nodiscard]] constexpr bool ignored() const { return (attributes & 1) == 0; }
};

/// As far as 4-level paging can map addresses to themselves.
inline constexpr Hpa most_memory{bit(47)};

/// What an entry covers below `most_memory`, however large it claims to be.
constexpr MemoryRange range_of(FirmwareMemoryEntry const& entry) {
    std::uint64_t const begin = std::min(entry.begin, most_memory.value());
    std::uint64_t const bytes = std::min(entry.bytes, most_memory.value() - begin);
    return {Hpa{begin}, Hpa{begin + bytes}};
}

/// The frames that some entry calls usable and no entry calls anything else, in whatever order and
/// with whatever overlaps the entries come.
constexpr MemoryRanges usable_memory(std::span<FirmwareMemoryEntry const> entries) {
    MemoryRanges usable;
    for (FirmwareMemoryEntry const& entry : entries) {
        if (!entry.ignored() && entry.type == FirmwareMemoryEntry::usable)
            usable.add(range_of(entry));
    }
    for (FirmwareMemoryEntry const& entry : entries) {
        if (!entry.ignored() && entry.type != FirmwareMemoryEntry::usable)
            usable.remove(range_of(entry));
    }
    usable.keep_whole_frames();
    return usable;
}

} // namespace twofold::hv
