// The headers of ELF files of either class: where each field stands, and how wide it is. The two
// classes hold the same fields in another order.
#pragma once

#include <twofold/load/elf_format.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::elf {

inline constexpr std::uint8_t class_32 = 1;
inline constexpr std::uint16_t machine_i386 = 3;
inline constexpr std::uint16_t type_shared = 3;
inline constexpr std::uint32_t segment_note = 4;

struct Class {
    std::uint64_t header_bytes;
    std::uint64_t program_header_bytes;
    /// Of addresses, offsets and sizes.
    std::uint64_t word_bytes;
    Field e_entry;
    Field e_phoff;
    Field e_phentsize;
    Field e_phnum;
    Field p_offset;
    Field p_vaddr;
    Field p_paddr;
    Field p_filesz;
    Field p_memsz;
    Field p_align;

    /// An address, offset or size at `offset`, which must lie within `bytes` whole.
    [[nodiscard]] constexpr std::uint64_t word(std::span<std::byte const> bytes,
                                               std::uint64_t offset) const {
        return word_bytes == 4 ? little_endian<std::uint32_t>(bytes, offset)
                               : little_endian<std::uint64_t>(bytes, offset);
    }
};

inline constexpr Class class_of_32{
    .header_bytes = 52,
    .program_header_bytes = 32,
    .word_bytes = 4,
    .e_entry = {"e_entry", 24},
    .e_phoff = {"e_phoff", 28},
    .e_phentsize = {"e_phentsize", 42},
    .e_phnum = {"e_phnum", 44},
    .p_offset = {"p_offset", 4},
    .p_vaddr = {"p_vaddr", 8},
    .p_paddr = {"p_paddr", 12},
    .p_filesz = {"p_filesz", 16},
    .p_memsz = {"p_memsz", 20},
    .p_align = {"p_align", 28},
};

inline constexpr Class class_of_64{
    .header_bytes = Header::bytes,
    .program_header_bytes = ProgramHeader::bytes,
    .word_bytes = 8,
    .e_entry = header_field::e_entry,
    .e_phoff = header_field::e_phoff,
    .e_phentsize = header_field::e_phentsize,
    .e_phnum = header_field::e_phnum,
    .p_offset = program_header_field::p_offset,
    .p_vaddr = program_header_field::p_vaddr,
    .p_paddr = program_header_field::p_paddr,
    .p_filesz = program_header_field::p_filesz,
    .p_memsz = program_header_field::p_memsz,
    .p_align = program_header_field::p_align,
};

} // namespace twofold::elf
