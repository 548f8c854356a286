// From the bytes of an ELF64 file to what a guest's memory must hold. Nothing in the file is
// trusted.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/load/elf_format.hpp>
#include <twofold/load/load_error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <span>

namespace twofold {

/// A PT_LOAD of the file: `contents` at `begin`, then zeros up to `memory_bytes`. It is placed by
/// p_paddr, for a guest starts with gva = gpa.
struct ElfSegment {
    Gpa begin;
    /// Above 0; `end()` is at most most_guest_memory.
    std::uint64_t memory_bytes;
    /// Not longer than `memory_bytes`; a part of the file.
    std::span<std::byte const> contents;
    std::uint16_t program_header;
    /// Of that program header, in the file.
    std::uint64_t offset;

    [[nodiscard]] constexpr Gpa end() const { return begin + memory_bytes; }
    [[nodiscard]] constexpr bool holds(Gpa gpa) const { return gpa >= begin && gpa < end(); }

    /// An error about a field of the program header.
    [[nodiscard]] constexpr std::unexpected<LoadError> error(LoadErrorKind kind, elf::Field field,
                                                             std::uint64_t found,
                                                             std::uint64_t expected = 0) const {
        return std::unexpected(
            LoadError{kind, offset + field.offset, field.name, found, expected, program_header});
    }
};

/// A statically linked x86-64 executable. Its segments do not overlap, and the entry lies in one.
/// Refers to the file's bytes, which must outlive it.
class ElfImage {
  public:
    static constexpr std::size_t most_segments = 16;

    [[nodiscard]] constexpr Gpa entry() const { return entry_; }
    /// At least one.
    [[nodiscard]] constexpr std::span<ElfSegment const> segments() const {
        return std::span{segments_}.first(count_);
    }
    /// The first gpa above all segments.
    [[nodiscard]] constexpr Gpa end() const {
        Gpa end;
        for (ElfSegment const& segment : segments())
            end = std::max(end, segment.end());
        return end;
    }

    friend constexpr std::expected<ElfImage, LoadError> parse_elf(std::span<std::byte const> file);

  private:
    constexpr std::expected<void, LoadError> add(ElfSegment const& segment);

    Gpa entry_;
    std::array<ElfSegment, most_segments> segments_{};
    std::size_t count_ = 0;
};

namespace detail {

using elf::ProgramHeader;
using Checked = std::expected<void, LoadError>;

/// A field of the ELF header that can have one value only.
struct FixedField {
    LoadErrorKind kind;
    elf::Field field;
    std::uint64_t found;
    std::uint64_t expected;
};

constexpr Checked check_fixed_fields(elf::Header const& header) {
    using namespace elf::header_field;
    using enum LoadErrorKind;
    for (FixedField const& fixed : std::initializer_list<FixedField>{
             {wrong_class, ei_class, header.file_class, elf::class_64},
             {wrong_byte_order, ei_data, header.data, elf::data_little_endian},
             {wrong_version, ei_version, header.identification_version, elf::current_version},
             {wrong_machine, e_machine, header.machine, elf::machine_x86_64},
             {wrong_type, e_type, header.type, elf::type_executable},
             {wrong_version, e_version, header.version, elf::current_version},
             {wrong_program_header_size, e_phentsize, header.program_header_bytes,
              ProgramHeader::bytes}}) {
        if (fixed.found != fixed.expected) {
            return std::unexpected(LoadError{fixed.kind, fixed.field.offset, fixed.field.name,
                                             fixed.found, fixed.expected});
        }
    }
    return {};
}

constexpr Checked check_program_headers_in_file(elf::Header const& header,
                                                std::uint64_t file_bytes) {
    using namespace elf::header_field;
    if (header.program_headers_offset > file_bytes) {
        return std::unexpected(LoadError{LoadErrorKind::program_headers_outside_file,
                                         e_phoff.offset, e_phoff.name,
                                         header.program_headers_offset, file_bytes});
    }
    std::uint64_t const room = (file_bytes - header.program_headers_offset) / ProgramHeader::bytes;
    if (header.program_header_count > room) {
        return std::unexpected(LoadError{LoadErrorKind::truncated_program_headers, e_phnum.offset,
                                         e_phnum.name, header.program_header_count, room});
    }
    return {};
}

constexpr std::expected<elf::Header, LoadError> read_header(std::span<std::byte const> file) {
    if (file.size() >= elf::magic_bytes) {
        auto const magic = elf::little_endian<std::uint32_t>(file, 0);
        if (magic != elf::magic)
            return std::unexpected(
                LoadError{.kind = LoadErrorKind::not_elf, .found = magic, .expected = elf::magic});
    }
    if (file.size() < elf::Header::bytes) {
        return std::unexpected(LoadError{.kind = LoadErrorKind::truncated_header,
                                         .found = file.size(),
                                         .expected = elf::Header::bytes});
    }
    auto const header = elf::Header::decode(file.first<elf::Header::bytes>());
    if (auto const checked = check_fixed_fields(header); !checked)
        return std::unexpected(checked.error());
    if (auto const checked = check_program_headers_in_file(header, file.size()); !checked)
        return std::unexpected(checked.error());
    return header;
}

/// A program header that was decoded, and where it stands in the file.
struct PlacedProgramHeader {
    ProgramHeader header;
    std::uint16_t number;
    std::uint64_t offset;

    [[nodiscard]] constexpr std::unexpected<LoadError> error(LoadErrorKind kind, elf::Field field,
                                                             std::uint64_t found,
                                                             std::uint64_t expected = 0) const {
        return std::unexpected(
            LoadError{kind, offset + field.offset, field.name, found, expected, number});
    }
};

constexpr Checked check_bytes_in_file(PlacedProgramHeader const& placed, std::uint64_t file_bytes) {
    using namespace elf::program_header_field;
    using enum LoadErrorKind;
    ProgramHeader const& header = placed.header;
    if (header.offset > file_bytes)
        return placed.error(segment_outside_file, p_offset, header.offset, file_bytes);
    if (header.file_bytes > file_bytes - header.offset) {
        return placed.error(segment_reaches_beyond_file, p_filesz, header.file_bytes,
                            file_bytes - header.offset);
    }
    return {};
}

constexpr Checked check_alignment(PlacedProgramHeader const& placed) {
    using namespace elf::program_header_field;
    using enum LoadErrorKind;
    ProgramHeader const& header = placed.header;
    if (header.alignment <= 1) return {};
    if ((header.alignment & (header.alignment - 1)) != 0)
        return placed.error(alignment_not_power_of_two, p_align, header.alignment);
    std::uint64_t const remainder = header.offset & (header.alignment - 1);
    if ((header.virtual_address & (header.alignment - 1)) != remainder)
        return placed.error(misaligned_segment, p_vaddr, header.virtual_address, remainder);
    return {};
}

constexpr Checked check_address_space(PlacedProgramHeader const& placed) {
    using namespace elf::program_header_field;
    using enum LoadErrorKind;
    ProgramHeader const& header = placed.header;
    if (header.physical_address >= most_guest_memory) {
        return placed.error(segment_outside_address_space, p_paddr, header.physical_address,
                            most_guest_memory);
    }
    std::uint64_t const room = most_guest_memory - header.physical_address;
    if (header.memory_bytes > room) {
        return placed.error(segment_reaches_beyond_address_space, p_memsz, header.memory_bytes,
                            room);
    }
    return {};
}

constexpr Checked check_segment(PlacedProgramHeader const& placed, std::uint64_t file_bytes) {
    using namespace elf::program_header_field;
    using enum LoadErrorKind;
    ProgramHeader const& header = placed.header;
    if (auto const checked = check_bytes_in_file(placed, file_bytes); !checked) return checked;
    if (header.file_bytes > header.memory_bytes) {
        return placed.error(more_in_file_than_in_memory, p_filesz, header.file_bytes,
                            header.memory_bytes);
    }
    if (auto const checked = check_alignment(placed); !checked) return checked;
    return check_address_space(placed);
}

/// The segment that a program header asks for; none where it asks for nothing.
constexpr std::expected<std::optional<ElfSegment>, LoadError>
read_segment(PlacedProgramHeader const& placed, std::span<std::byte const> file) {
    ProgramHeader const& header = placed.header;
    if (header.type == elf::segment_interpreter || header.type == elf::segment_dynamic) {
        return placed.error(LoadErrorKind::dynamically_linked, elf::program_header_field::p_type,
                            header.type);
    }
    if (header.type != elf::segment_load) return std::nullopt;
    if (header.memory_bytes == 0 && header.file_bytes == 0) return std::nullopt;
    if (auto const checked = check_segment(placed, file.size()); !checked)
        return std::unexpected(checked.error());
    return ElfSegment{Gpa{header.physical_address}, header.memory_bytes,
                      file.subspan(header.offset, header.file_bytes), placed.number, placed.offset};
}

} // namespace detail

constexpr std::expected<void, LoadError> ElfImage::add(ElfSegment const& segment) {
    using namespace elf::program_header_field;
    for (ElfSegment const& other : segments()) {
        if (segment.begin < other.end() && other.begin < segment.end()) {
            return segment.error(LoadErrorKind::segments_overlap, p_paddr, segment.begin.value(),
                                 other.program_header);
        }
    }
    if (count_ == most_segments) {
        return segment.error(LoadErrorKind::too_many_segments, p_type, elf::segment_load,
                             most_segments);
    }
    segments_[count_++] = segment;
    return {};
}

/// Checks the whole of `file`. On success every promise of ElfImage and ElfSegment holds.
[[nodiscard]] constexpr std::expected<ElfImage, LoadError>
parse_elf(std::span<std::byte const> file) {
    using namespace elf::header_field;
    using elf::ProgramHeader;
    auto const header = detail::read_header(file);
    if (!header) return std::unexpected(header.error());

    ElfImage image;
    image.entry_ = Gpa{header->entry};
    for (std::uint16_t number = 0; number < header->program_header_count; ++number) {
        std::uint64_t const at =
            header->program_headers_offset + std::uint64_t{number} * ProgramHeader::bytes;
        auto const segment = detail::read_segment(
            {ProgramHeader::decode(file.subspan(at).first<ProgramHeader::bytes>()), number, at},
            file);
        if (!segment) return std::unexpected(segment.error());
        if (!*segment) continue;
        if (auto const added = image.add(**segment); !added) return std::unexpected(added.error());
    }
    if (image.count_ == 0) {
        return std::unexpected(LoadError{LoadErrorKind::nothing_to_load, e_phnum.offset,
                                         e_phnum.name, header->program_header_count});
    }
    if (std::ranges::none_of(image.segments(), [&](auto& s) { return s.holds(image.entry_); })) {
        return std::unexpected(LoadError{LoadErrorKind::entry_outside_segments, e_entry.offset,
                                         e_entry.name, header->entry});
    }
    return image;
}

} // namespace twofold
