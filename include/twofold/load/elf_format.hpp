// The headers of ELF64 files, decoded byte by byte, so that no file is trusted to be aligned or
// whole. Names are those of the System V Application Binary Interface, "Object Files".
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace twofold::elf {

/// The little-endian number at `offset`, which must lie within `bytes` whole.
template <std::unsigned_integral T>
constexpr T little_endian(std::span<std::byte const> bytes, std::size_t offset) {
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i > 0; --i)
        value = value << 8 | static_cast<std::uint64_t>(bytes[offset + i - 1]);
    return static_cast<T>(value);
}

/// A field's name and its place in its header, for reading it and for naming it in an error.
struct Field {
    std::string_view name;
    std::uint64_t offset;
};

namespace header_field {
inline constexpr Field ei_class{"EI_CLASS", 4};
inline constexpr Field ei_data{"EI_DATA", 5};
inline constexpr Field ei_version{"EI_VERSION", 6};
inline constexpr Field e_type{"e_type", 16};
inline constexpr Field e_machine{"e_machine", 18};
inline constexpr Field e_version{"e_version", 20};
inline constexpr Field e_entry{"e_entry", 24};
inline constexpr Field e_phoff{"e_phoff", 32};
inline constexpr Field e_phentsize{"e_phentsize", 54};
inline constexpr Field e_phnum{"e_phnum", 56};
} // namespace header_field

namespace program_header_field {
inline constexpr Field p_type{"p_type", 0};
inline constexpr Field p_offset{"p_offset", 8};
inline constexpr Field p_vaddr{"p_vaddr", 16};
inline constexpr Field p_paddr{"p_paddr", 24};
inline constexpr Field p_filesz{"p_filesz", 32};
inline constexpr Field p_memsz{"p_memsz", 40};
inline constexpr Field p_align{"p_align", 48};
} // namespace program_header_field

inline constexpr std::uint64_t magic_bytes = 4;
/// 7f 'E' 'L' 'F', first byte lowest.
inline constexpr std::uint32_t magic = 0x464c457f;

inline constexpr std::uint8_t class_64 = 2;
inline constexpr std::uint8_t data_little_endian = 1;
inline constexpr std::uint8_t current_version = 1;
inline constexpr std::uint16_t type_executable = 2;
inline constexpr std::uint16_t machine_x86_64 = 62;

inline constexpr std::uint32_t segment_load = 1;
inline constexpr std::uint32_t segment_dynamic = 2;
inline constexpr std::uint32_t segment_interpreter = 3;

/// What a loader needs of the ELF header.
struct Header {
    static constexpr std::uint64_t bytes = 64;

    std::uint8_t file_class;
    std::uint8_t data;
    std::uint8_t identification_version;
    std::uint16_t type;
    std::uint16_t machine;
    std::uint32_t version;
    std::uint64_t entry;
    std::uint64_t program_headers_offset;
    std::uint16_t program_header_bytes;
    std::uint16_t program_header_count;

    static constexpr Header decode(std::span<std::byte const, bytes> from) {
        using namespace header_field;
        return {
            .file_class = little_endian<std::uint8_t>(from, ei_class.offset),
            .data = little_endian<std::uint8_t>(from, ei_data.offset),
            .identification_version = little_endian<std::uint8_t>(from, ei_version.offset),
            .type = little_endian<std::uint16_t>(from, e_type.offset),
            .machine = little_endian<std::uint16_t>(from, e_machine.offset),
            .version = little_endian<std::uint32_t>(from, e_version.offset),
            .entry = little_endian<std::uint64_t>(from, e_entry.offset),
            .program_headers_offset = little_endian<std::uint64_t>(from, e_phoff.offset),
            .program_header_bytes = little_endian<std::uint16_t>(from, e_phentsize.offset),
            .program_header_count = little_endian<std::uint16_t>(from, e_phnum.offset),
        };
    }
};

struct ProgramHeader {
    static constexpr std::uint64_t bytes = 56;

    std::uint32_t type;
    std::uint64_t offset;
    std::uint64_t virtual_address;
    std::uint64_t physical_address;
    std::uint64_t file_bytes;
    std::uint64_t memory_bytes;
    std::uint64_t alignment;

    static constexpr ProgramHeader decode(std::span<std::byte const, bytes> from) {
        using namespace program_header_field;
        return {
            .type = little_endian<std::uint32_t>(from, p_type.offset),
            .offset = little_endian<std::uint64_t>(from, p_offset.offset),
            .virtual_address = little_endian<std::uint64_t>(from, p_vaddr.offset),
            .physical_address = little_endian<std::uint64_t>(from, p_paddr.offset),
            .file_bytes = little_endian<std::uint64_t>(from, p_filesz.offset),
            .memory_bytes = little_endian<std::uint64_t>(from, p_memsz.offset),
            .alignment = little_endian<std::uint64_t>(from, p_align.offset),
        };
    }
};

} // namespace twofold::elf
