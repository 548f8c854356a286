// What a Multiboot kernel is told (Multiboot Specification 0.6.96, "Boot information format").
#pragma once

#include <twofold/arch/bits.hpp>
#include <twofold/load/pc_memory_map.hpp>

#include <cstddef>
#include <cstdint>

namespace twofold::multiboot {

/// In EAX at the entry.
inline constexpr std::uint32_t loader_magic = 0x2bad'b002;

namespace info_flag {
inline constexpr std::uint32_t memory = bit(0);
inline constexpr std::uint32_t command_line = bit(2);
inline constexpr std::uint32_t modules = bit(3);
inline constexpr std::uint32_t memory_map = bit(6);
inline constexpr std::uint32_t boot_loader_name = bit(9);
} // namespace info_flag

/// Up to and with the VBE fields. What `flags` does not announce is 0.
struct Info {
    std::uint32_t flags;
    /// KiB from 0, and KiB from 1 MiB to the first hole.
    std::uint32_t mem_lower;
    std::uint32_t mem_upper;
    std::uint32_t boot_device;
    std::uint32_t cmdline;
    std::uint32_t mods_count;
    std::uint32_t mods_addr;
    std::uint32_t syms[4];
    /// Bytes.
    std::uint32_t mmap_length;
    std::uint32_t mmap_addr;
    std::uint32_t drives_length;
    std::uint32_t drives_addr;
    std::uint32_t config_table;
    std::uint32_t boot_loader_name;
    std::uint32_t apm_table;
    std::uint32_t vbe[4];
};
static_assert(sizeof(Info) == 88 && offsetof(Info, mmap_length) == 44);

struct Module {
    std::uint32_t mod_start;
    /// One past the last byte.
    std::uint32_t mod_end;
    std::uint32_t string;
    std::uint32_t reserved;
};
static_assert(sizeof(Module) == 16);

/// `size` does not count itself; the 64-bit numbers are not aligned.
struct MemoryMapEntry {
    std::uint32_t size;
    std::uint32_t base_low;
    std::uint32_t base_high;
    std::uint32_t length_low;
    std::uint32_t length_high;
    std::uint32_t type;

    static constexpr MemoryMapEntry of(MemoryRange const& range) {
        auto const low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
        auto const high = [](std::uint64_t value) {
            return static_cast<std::uint32_t>(value >> 32);
        };
        return {.size = sizeof(MemoryMapEntry) - sizeof(std::uint32_t),
                .base_low = low(range.begin.value()),
                .base_high = high(range.begin.value()),
                .length_low = low(range.bytes),
                .length_high = high(range.bytes),
                .type = static_cast<std::uint32_t>(range.type)};
    }
};
static_assert(sizeof(MemoryMapEntry) == 24);

} // namespace twofold::multiboot
