// ELF files as kernels of others are made: of either class, with segments of no size, with an entry
// that no segment holds. parse_elf in elf.hpp is the stricter reader for kernels of the family.
#pragma once

#include <twofold/load/elf_class.hpp>
#include <twofold/load/kernel_image.hpp>
#include <twofold/load/load_error.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold {

/// The bytes start as those of an ELF file do.
[[nodiscard]] constexpr bool is_elf(std::span<std::byte const> file) {
    return file.size() >= elf::magic_bytes &&
           elf::little_endian<std::uint32_t>(file, 0) == elf::magic;
}

/// The program headers of an ELF file of either class, all of them within the file.
class ElfProgramHeaders {
  public:
    /// One of them.
    struct Entry {
        elf::ProgramHeader header;
        std::uint16_t number;
        /// In the file.
        std::uint64_t offset;

        /// `field`, by its offset in the file.
        [[nodiscard]] constexpr elf::Field place(elf::Field field) const {
            return {field.name, offset + field.offset};
        }
        [[nodiscard]] constexpr std::unexpected<LoadError> error(LoadErrorKind kind,
                                                                 elf::Field field,
                                                                 std::uint64_t found,
                                                                 std::uint64_t expected = 0) const {
            return std::unexpected(
                LoadError{kind, offset + field.offset, field.name, found, expected, number});
        }
    };

    [[nodiscard]] static constexpr std::expected<ElfProgramHeaders, LoadError>
    read(std::span<std::byte const> file);

    [[nodiscard]] constexpr elf::Class const& elf_class() const { return *class_; }
    [[nodiscard]] constexpr std::uint64_t entry() const { return entry_; }
    [[nodiscard]] constexpr std::uint16_t count() const { return count_; }
    /// `number`: below count().
    [[nodiscard]] constexpr Entry at(std::uint16_t number) const;

  private:
    [[nodiscard]] constexpr std::expected<void, LoadError> check_place() const;

    std::span<std::byte const> file_;
    elf::Class const* class_ = nullptr;
    std::uint64_t entry_ = 0;
    std::uint64_t offset_ = 0;
    std::uint16_t count_ = 0;
};

namespace detail {

constexpr std::unexpected<LoadError> header_error(LoadErrorKind kind, elf::Field field,
                                                  std::uint64_t found, std::uint64_t expected = 0) {
    return std::unexpected(LoadError{kind, field.offset, field.name, found, expected});
}

/// Checks e_ident, and finds the class.
constexpr std::expected<elf::Class const*, LoadError>
read_identification(std::span<std::byte const> file) {
    using namespace elf::header_field;
    using enum LoadErrorKind;
    constexpr std::uint64_t identification_bytes = 16;
    if (file.size() >= elf::magic_bytes && !is_elf(file)) {
        return std::unexpected(LoadError{.kind = not_elf,
                                         .found = elf::little_endian<std::uint32_t>(file, 0),
                                         .expected = elf::magic});
    }
    auto const truncated = [&](std::uint64_t bytes) {
        return std::unexpected(
            LoadError{.kind = truncated_header, .found = file.size(), .expected = bytes});
    };
    if (file.size() < identification_bytes) return truncated(elf::class_of_32.header_bytes);
    auto const at = [&](elf::Field field) {
        return static_cast<std::uint64_t>(file[field.offset]);
    };
    if (at(ei_class) != elf::class_32 && at(ei_class) != elf::class_64)
        return header_error(unknown_class, ei_class, at(ei_class));
    if (at(ei_data) != elf::data_little_endian)
        return header_error(wrong_byte_order, ei_data, at(ei_data), elf::data_little_endian);
    auto const& found = at(ei_class) == elf::class_32 ? elf::class_of_32 : elf::class_of_64;
    if (file.size() < found.header_bytes) return truncated(found.header_bytes);
    return &found;
}

/// Type and machine stand at the same place in both classes.
constexpr std::expected<void, LoadError> check_kernel_type(std::span<std::byte const> header) {
    using namespace elf::header_field;
    auto const machine = elf::little_endian<std::uint16_t>(header, e_machine.offset);
    if (machine != elf::machine_i386 && machine != elf::machine_x86_64)
        return header_error(LoadErrorKind::no_x86_machine, e_machine, machine);
    auto const type = elf::little_endian<std::uint16_t>(header, e_type.offset);
    if (type != elf::type_executable && type != elf::type_shared)
        return header_error(LoadErrorKind::not_executable, e_type, type);
    return {};
}

} // namespace detail

constexpr std::expected<void, LoadError> ElfProgramHeaders::check_place() const {
    using enum LoadErrorKind;
    auto const bytes = elf::little_endian<std::uint16_t>(file_, class_->e_phentsize.offset);
    if (count_ == 0) return {};
    if (bytes != class_->program_header_bytes) {
        return detail::header_error(wrong_program_header_size, class_->e_phentsize, bytes,
                                    class_->program_header_bytes);
    }
    if (offset_ > file_.size()) {
        return detail::header_error(program_headers_outside_file, class_->e_phoff, offset_,
                                    file_.size());
    }
    std::uint64_t const room = (file_.size() - offset_) / class_->program_header_bytes;
    if (count_ > room)
        return detail::header_error(truncated_program_headers, class_->e_phnum, count_, room);
    return {};
}

constexpr std::expected<ElfProgramHeaders, LoadError>
ElfProgramHeaders::read(std::span<std::byte const> file) {
    auto const found = detail::read_identification(file);
    if (!found) return std::unexpected(found.error());
    if (auto const checked = detail::check_kernel_type(file); !checked)
        return std::unexpected(checked.error());

    ElfProgramHeaders headers;
    headers.file_ = file;
    headers.class_ = *found;
    headers.entry_ = headers.class_->word(file, headers.class_->e_entry.offset);
    headers.offset_ = headers.class_->word(file, headers.class_->e_phoff.offset);
    headers.count_ = elf::little_endian<std::uint16_t>(file, headers.class_->e_phnum.offset);
    if (auto const checked = headers.check_place(); !checked)
        return std::unexpected(checked.error());
    return headers;
}

constexpr ElfProgramHeaders::Entry ElfProgramHeaders::at(std::uint16_t number) const {
    std::uint64_t const offset = offset_ + std::uint64_t{number} * class_->program_header_bytes;
    auto const bytes = file_.subspan(offset, class_->program_header_bytes);
    auto const word = [&](elf::Field field) { return class_->word(bytes, field.offset); };
    return {.header = {.type = elf::little_endian<std::uint32_t>(bytes, 0),
                       .offset = word(class_->p_offset),
                       .virtual_address = word(class_->p_vaddr),
                       .physical_address = word(class_->p_paddr),
                       .file_bytes = word(class_->p_filesz),
                       .memory_bytes = word(class_->p_memsz),
                       .alignment = word(class_->p_align)},
            .number = number,
            .offset = offset};
}

namespace detail {

constexpr std::expected<void, LoadError> check_bytes_in_file(ElfProgramHeaders::Entry const& entry,
                                                             elf::Class const& elf_class,
                                                             std::uint64_t file_bytes) {
    using enum LoadErrorKind;
    elf::ProgramHeader const& header = entry.header;
    if (header.offset > file_bytes)
        return entry.error(segment_outside_file, elf_class.p_offset, header.offset, file_bytes);
    std::uint64_t const room = file_bytes - header.offset;
    if (header.file_bytes > room) {
        return entry.error(segment_reaches_beyond_file, elf_class.p_filesz, header.file_bytes,
                           room);
    }
    return {};
}

constexpr std::expected<void, LoadError> check_segment(ElfProgramHeaders::Entry const& entry,
                                                       elf::Class const& elf_class,
                                                       std::uint64_t file_bytes) {
    using enum LoadErrorKind;
    elf::ProgramHeader const& header = entry.header;
    if (auto const checked = check_bytes_in_file(entry, elf_class, file_bytes); !checked)
        return checked;
    if (header.file_bytes > header.memory_bytes) {
        return entry.error(more_in_file_than_in_memory, elf_class.p_filesz, header.file_bytes,
                           header.memory_bytes);
    }
    if (header.physical_address >= most_guest_memory) {
        return entry.error(segment_outside_address_space, elf_class.p_paddr,
                           header.physical_address, most_guest_memory);
    }
    std::uint64_t const room = most_guest_memory - header.physical_address;
    if (header.memory_bytes > room) {
        return entry.error(segment_reaches_beyond_address_space, elf_class.p_memsz,
                           header.memory_bytes, room);
    }
    return {};
}

} // namespace detail

/// The image that the PT_LOADs of `file` make, by p_paddr. Its entry is e_entry, as a gpa.
[[nodiscard]] constexpr std::expected<KernelImage, LoadError>
parse_elf_kernel(std::span<std::byte const> file) {
    auto const headers = ElfProgramHeaders::read(file);
    if (!headers) return std::unexpected(headers.error());
    elf::Class const& elf_class = headers->elf_class();

    KernelImage image{Gpa{headers->entry()}, elf_class.e_entry};
    for (std::uint16_t number = 0; number < headers->count(); ++number) {
        auto const entry = headers->at(number);
        elf::ProgramHeader const& header = entry.header;
        if (header.type != elf::segment_load) continue;
        if (header.memory_bytes == 0 && header.file_bytes == 0) continue;
        if (auto const checked = detail::check_segment(entry, elf_class, file.size()); !checked)
            return std::unexpected(checked.error());
        auto const added = image.add({.begin = Gpa{header.physical_address},
                                      .memory_bytes = header.memory_bytes,
                                      .contents = file.subspan(header.offset, header.file_bytes),
                                      .virtual_address = header.virtual_address,
                                      .address_field = entry.place(elf_class.p_paddr),
                                      .size_field = entry.place(elf_class.p_memsz),
                                      .size_value = header.memory_bytes,
                                      .program_header = number});
        if (!added) return std::unexpected(added.error());
    }
    if (image.segments().empty()) {
        return detail::header_error(LoadErrorKind::nothing_to_load, elf_class.e_phnum,
                                    headers->count());
    }
    image.translate_entry();
    return image;
}

} // namespace twofold
