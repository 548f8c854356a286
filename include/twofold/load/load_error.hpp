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

    // Kernels of other boot protocols: the file.
    /// No boot protocol is recognised. found: the first four bytes, the first one lowest.
    not_a_kernel,
    empty_file,
    /// EI_CLASS is neither 1 nor 2.
    unknown_class,
    /// e_machine is neither that of i386 nor that of x86-64.
    no_x86_machine,
    /// e_type is neither ET_EXEC nor ET_DYN.
    not_executable,
    /// found: how many bytes were searched.
    no_multiboot_header,
    wrong_multiboot_checksum,
    /// found: flags; expected: the demands that are known.
    unknown_multiboot_demand,
    /// found: flags; expected: bytes from the header to the file's end.
    truncated_address_fields,
    /// expected: header_addr.
    load_address_above_header,
    /// load_addr lies more bytes below header_addr than the file has before the header. expected:
    /// the lowest that would do.
    load_address_before_file,
    /// expected: load_addr.
    load_end_below_load_address,
    /// expected: the highest that the file has bytes for.
    load_end_beyond_file,
    /// expected: where the loaded bytes end.
    bss_end_below_load_end,
    no_pvh_note,
    /// n_namesz or n_descsz is larger than what is left of its segment. expected: what is left.
    truncated_note,
    /// found: n_descsz.
    wrong_note_size,
    not_linux,
    wrong_boot_flag,
    /// expected: the oldest version that is supported.
    old_linux_protocol,
    not_loaded_high,
    /// found: setup_sects; expected: bytes of the file.
    truncated_linux_setup,
    /// found: syssize; expected: bytes of the file behind the setup.
    truncated_linux_kernel,
    no_64_bit_entry,
    linux_above_4g,

    // Kernels of other boot protocols in the guest's memory.
    /// found: the entry; expected: bytes of memory that 32 bits reach.
    entry_outside_memory,
    /// `field` is what there is no room for. found: its bytes; expected: where it must end.
    no_room,
    /// found: how many; expected: how many there may be.
    too_many_modules,
    /// found: bytes; expected: the most there can be.
    command_line_too_long,
    /// found: the address; expected: what it must be below.
    raw_address_too_high,
    /// found: where the image ends; expected: bytes of memory.
    raw_outside_memory,
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
