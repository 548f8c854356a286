// Why a guest cannot be loaded. load_error_text.hpp makes a sentence of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold {

enum class LoadErrorKind : std::uint8_t {
    // The file.
    /// The file ends within its ELF header. found: bytes of the file; expected: bytes of the
    /// header.
    truncated_header,
    /// found: the first four bytes, the first one lowest.
    not_elf,
    wrong_class,
    wrong_byte_order,
    wrong_version,
    wrong_machine,
    wrong_type,
    wrong_program_header_size,
    /// e_phoff lies beyond the file. expected: bytes of the file.
    program_headers_outside_file,
    /// expected: how many program headers fit into the file.
    truncated_program_headers,
    /// PT_INTERP or PT_DYNAMIC. found: p_type.
    dynamically_linked,
    /// p_offset lies beyond the file. expected: bytes of the file.
    segment_outside_file,
    /// found: p_filesz; expected: the largest that the file has room for.
    segment_reaches_beyond_file,
    /// found: p_filesz; expected: p_memsz.
    more_in_file_than_in_memory,
    /// found: p_align.
    alignment_not_power_of_two,
    /// found: p_vaddr; expected: its remainder by p_align.
    misaligned_segment,
    /// p_paddr lies beyond what a guest can address. expected: most_guest_memory.
    segment_outside_address_space,
    /// found: p_memsz; expected: the largest that a guest can address there.
    segment_reaches_beyond_address_space,
    /// found: p_paddr; expected: the number of the other program header.
    segments_overlap,
    /// expected: how many there may be.
    too_many_segments,
    /// found: e_phnum.
    nothing_to_load,
    /// found: e_entry.
    entry_outside_segments,

    // The file in the guest's memory.
    /// found: p_paddr or p_memsz, whichever reaches beyond memory; expected: bytes of memory that
    /// would do.
    segment_outside_memory,
    /// found: bytes of memory; expected: the most there can be.
    bad_memory_size,
    /// found: bytes of memory; expected: bytes that would do.
    memory_too_small,
    /// found: log2 of the bytes of a page; expected: that of the largest.
    bad_guest_page,
    /// Memory refused to be read or written. found: gpa.
    memory_failed,
};

/// A guest starts with its memory mapped to itself: it ends with the lower half of the 48-bit
/// linear address space. Bytes.
inline constexpr std::uint64_t most_guest_memory = std::uint64_t{1} << 47;

/// What was wrong, where, and what would be right. Numbers mean what the kind says.
struct LoadError {
    LoadErrorKind kind;
    /// In the file, of the field. Meaningless for the kinds that are not about one.
    std::uint64_t offset = 0;
    /// The field's name, a literal; empty for the kinds that are not about one.
    std::string_view field = {};
    std::uint64_t found = 0;
    std::uint64_t expected = 0;
    /// Which program header the field is in, from 0; none: the ELF header.
    std::optional<std::uint16_t> program_header = std::nullopt;

    friend bool operator==(LoadError const&, LoadError const&) = default;
};

} // namespace twofold
