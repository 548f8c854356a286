// The note by which an ELF file says that it can be entered as PVH has it (Xen, "x86/HVM direct
// boot ABI"; System V Application Binary Interface, "Note Section").
#pragma once

#include <twofold/arch/bits.hpp>
#include <twofold/load/elf_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace twofold {

namespace pvh {
/// XEN_ELFNOTE_PHYS32_ENTRY.
inline constexpr std::uint32_t entry_note = 18;
inline constexpr std::string_view note_name{"Xen\0", 4};
/// namesz, descsz and type, 4 bytes each.
inline constexpr std::uint64_t note_header_bytes = 12;
inline constexpr elf::Field namesz{"n_namesz", 0};
inline constexpr elf::Field descsz{"n_descsz", 4};
inline constexpr elf::Field type{"n_type", 8};
inline constexpr std::string_view descriptor_name = "XEN_ELFNOTE_PHYS32_ENTRY";
} // namespace pvh

/// The entry that such a note names, and where in the file it stands.
struct PvhEntry {
    Gpa entry;
    elf::Field field;
};

namespace detail {

/// One note at `offset` in the file; `end` is where its segment ends.
struct Note {
    std::uint64_t offset;
    std::uint64_t name_bytes;
    std::uint64_t descriptor_bytes;
    std::uint64_t descriptor;
    std::uint64_t end;
};

/// `room`: bytes of the segment from `offset` on, at least those of a note's header.
constexpr std::expected<Note, LoadError> read_note(std::span<std::byte const> file,
                                                   std::uint64_t offset, std::uint64_t room,
                                                   std::uint64_t alignment) {
    std::uint64_t const name = elf::little_endian<std::uint32_t>(file, offset);
    std::uint64_t const descriptor = elf::little_endian<std::uint32_t>(file, offset + 4);
    std::uint64_t const after_name = aligned_up(pvh::note_header_bytes + name, alignment);
    auto const truncated = [&](elf::Field field, std::uint64_t found, std::uint64_t most) {
        return std::unexpected(LoadError{LoadErrorKind::truncated_note, offset + field.offset,
                                         field.name, found, most});
    };
    if (name > room - pvh::note_header_bytes)
        return truncated(pvh::namesz, name, room - pvh::note_header_bytes);
    std::uint64_t const descriptor_room = after_name < room ? room - after_name : 0;
    if (descriptor > descriptor_room) return truncated(pvh::descsz, descriptor, descriptor_room);
    return Note{offset, name, descriptor, offset + after_name,
                offset + after_name + aligned_up(descriptor, alignment)};
}

constexpr bool is_entry_note(std::span<std::byte const> file, Note const& note) {
    if (elf::little_endian<std::uint32_t>(file, note.offset + pvh::type.offset) != pvh::entry_note)
        return false;
    if (note.name_bytes != pvh::note_name.size()) return false;
    for (std::size_t i = 0; i < pvh::note_name.size(); ++i) {
        if (file[note.offset + pvh::note_header_bytes + i] !=
            static_cast<std::byte>(pvh::note_name[i]))
            return false;
    }
    return true;
}

constexpr std::expected<PvhEntry, LoadError> read_entry_note(std::span<std::byte const> file,
                                                             Note const& note) {
    elf::Field const field{pvh::descriptor_name, note.descriptor};
    if (note.descriptor_bytes == 4)
        return PvhEntry{Gpa{elf::little_endian<std::uint32_t>(file, note.descriptor)}, field};
    if (note.descriptor_bytes == 8)
        return PvhEntry{Gpa{elf::little_endian<std::uint64_t>(file, note.descriptor)}, field};
    return std::unexpected(LoadError{LoadErrorKind::wrong_note_size,
                                     note.offset + pvh::descsz.offset, pvh::descsz.name,
                                     note.descriptor_bytes});
}

/// Searches a PT_NOTE. GNU tools align the notes of a segment of alignment 8 by 8, all others by 4.
constexpr std::expected<std::optional<PvhEntry>, LoadError>
find_entry_note(std::span<std::byte const> file, ElfProgramHeaders::Entry const& segment,
                elf::Class const& elf_class) {
    if (auto const inside = check_bytes_in_file(segment, elf_class, file.size()); !inside)
        return std::unexpected(inside.error());
    std::uint64_t const alignment = segment.header.alignment == 8 ? 8 : 4;
    std::uint64_t const end = segment.header.offset + segment.header.file_bytes;
    for (std::uint64_t at = segment.header.offset;
         at < end && end - at >= pvh::note_header_bytes;) {
        auto const note = read_note(file, at, end - at, alignment);
        if (!note) return std::unexpected(note.error());
        if (is_entry_note(file, *note)) return read_entry_note(file, *note);
        at = note->end;
    }
    return std::nullopt;
}

} // namespace detail

/// Searches the notes of an ELF file. Fails with no_pvh_note when none of them is the one.
[[nodiscard]] constexpr std::expected<PvhEntry, LoadError>
find_pvh_entry(std::span<std::byte const> file) {
    auto const headers = ElfProgramHeaders::read(file);
    if (!headers) return std::unexpected(headers.error());
    for (std::uint16_t number = 0; number < headers->count(); ++number) {
        auto const segment = headers->at(number);
        if (segment.header.type != elf::segment_note) continue;
        auto const found = detail::find_entry_note(file, segment, headers->elf_class());
        if (!found) return std::unexpected(found.error());
        if (*found) return **found;
    }
    return detail::header_error(LoadErrorKind::no_pvh_note, headers->elf_class().e_phnum,
                                headers->count());
}

} // namespace twofold
