// What the loader tells the hypervisor.
#pragma once

#include "hv/boot/low_memory.h"
#include "hv/boot/memory_map.hpp"

#include <twofold/abi/disk_image.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::hv {

/// Written by the loader into low memory, which the hypervisor never gives away.
struct BootInfo {
    abi::ImageHeader image;
    /// rdtsc at the loader's first instruction, and when each phase was over.
    std::uint64_t ticks_at_start;
    std::uint64_t ticks_after_memory_map;
    std::uint64_t ticks_after_payload;
    std::uint64_t ticks_after_long_mode;
    /// Entries that follow; what the firmware had beyond the capacity is lost.
    std::uint32_t memory_map_entries;
    std::uint32_t reserved;
    std::array<FirmwareMemoryEntry, MEMORY_MAP_CAPACITY> memory_map_storage;

    [[nodiscard]] std::span<FirmwareMemoryEntry const> memory_map() const {
        return std::span{memory_map_storage}.first(
            std::min<std::size_t>(memory_map_entries, memory_map_storage.size()));
    }
};

static_assert(offsetof(BootInfo, image) == BOOT_INFO_IMAGE);
static_assert(offsetof(BootInfo, ticks_at_start) == BOOT_INFO_TICKS_AT_START);
static_assert(offsetof(BootInfo, ticks_after_memory_map) == BOOT_INFO_TICKS_AFTER_MEMORY_MAP);
static_assert(offsetof(BootInfo, ticks_after_payload) == BOOT_INFO_TICKS_AFTER_PAYLOAD);
static_assert(offsetof(BootInfo, ticks_after_long_mode) == BOOT_INFO_TICKS_AFTER_LONG_MODE);
static_assert(offsetof(BootInfo, memory_map_entries) == BOOT_INFO_MEMORY_MAP_ENTRIES);
static_assert(offsetof(BootInfo, memory_map_storage) == BOOT_INFO_MEMORY_MAP);
static_assert(sizeof(FirmwareMemoryEntry) == MEMORY_MAP_ENTRY_BYTES);
// The loader reaches it by 16-bit addresses.
static_assert(BOOT_INFO >= LOADER_END && BOOT_INFO + sizeof(BootInfo) <= 0x10000);

static_assert(FIRST_TABLES_END == FIRST_TABLES + 6 * 4096 && FIRST_TABLES_END < BOOT_SECTOR);
static_assert(BOUNCE_BUFFER + BOUNCE_SECTORS * SECTOR_BYTES <= MAIN_STACK_GUARD);

static_assert(sizeof(abi::ImageHeader) == IMAGE_HEADER_BYTES);
static_assert(offsetof(abi::ImageHeader, payload_sectors) == IMAGE_PAYLOAD_SECTORS);
static_assert(abi::sector_bytes == SECTOR_BYTES);
static_assert(abi::payload_first_sector == PAYLOAD_FIRST_SECTOR);
static_assert(abi::payload_address == PAYLOAD_ADDRESS);

} // namespace twofold::hv
