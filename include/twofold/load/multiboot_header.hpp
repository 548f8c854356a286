// The header of a Multiboot kernel, and the image that it describes (Multiboot Specification
// 0.6.96, "OS image format").
#pragma once

#include <twofold/load/elf_kernel.hpp>
#include <twofold/load/kernel_image.hpp>
#include <twofold/load/load_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

namespace twofold {

namespace multiboot {
inline constexpr std::uint32_t header_magic = 0x1bad'b002;
/// The header lies within this many bytes, at a multiple of 4.
inline constexpr std::uint64_t searched_bytes = 8192;
/// Without and with the address fields.
inline constexpr std::uint64_t short_header_bytes = 12;
inline constexpr std::uint64_t address_header_bytes = 32;

namespace header_flag {
inline constexpr std::uint32_t address_fields = bit(16);
/// Bits 15:0 are demands; of these a loader must know each that is set: modules aligned to pages,
/// memory information, and a video mode, which a machine without a display leaves out.
inline constexpr std::uint32_t demands = mask(15, 0);
inline constexpr std::uint32_t known_demands = mask(2, 0);
} // namespace header_flag

inline constexpr elf::Field flags{"flags", 4};
inline constexpr elf::Field checksum{"checksum", 8};
inline constexpr elf::Field header_addr{"header_addr", 12};
inline constexpr elf::Field load_addr{"load_addr", 16};
inline constexpr elf::Field load_end_addr{"load_end_addr", 20};
inline constexpr elf::Field bss_end_addr{"bss_end_addr", 24};
inline constexpr elf::Field entry_addr{"entry_addr", 28};
} // namespace multiboot

/// A header that was found in a file.
class MultibootHeader {
  public:
    constexpr MultibootHeader(std::span<std::byte const> file, std::uint64_t offset)
        : file_(file), offset_(offset) {}

    /// In the file.
    [[nodiscard]] constexpr std::uint64_t offset() const { return offset_; }
    /// `field` must lie within the file.
    [[nodiscard]] constexpr std::uint32_t get(elf::Field field) const {
        return elf::little_endian<std::uint32_t>(file_, offset_ + field.offset);
    }
    /// `field`, by its offset in the file.
    [[nodiscard]] constexpr elf::Field place(elf::Field field) const {
        return {field.name, offset_ + field.offset};
    }
    /// What the checksum must be.
    [[nodiscard]] constexpr std::uint32_t right_checksum() const {
        return 0 - multiboot::header_magic - get(multiboot::flags);
    }
    [[nodiscard]] constexpr bool has_address_fields() const {
        return (get(multiboot::flags) & multiboot::header_flag::address_fields) != 0;
    }
    [[nodiscard]] constexpr std::unexpected<LoadError> error(LoadErrorKind kind, elf::Field field,
                                                             std::uint64_t expected) const {
        return std::unexpected(
            LoadError{kind, offset_ + field.offset, field.name, get(field), expected});
    }

  private:
    std::span<std::byte const> file_;
    std::uint64_t offset_;
};

/// The first valid header. Fails at the first magic number that is not followed by its checksum
/// when there is no valid one, and with no_multiboot_header when there is no magic number.
[[nodiscard]] constexpr std::expected<MultibootHeader, LoadError>
find_multiboot_header(std::span<std::byte const> file) {
    auto const searched =
        file.first(std::min<std::uint64_t>(file.size(), multiboot::searched_bytes));
    std::optional<LoadError> wrong;
    for (std::uint64_t at = 0; at + multiboot::short_header_bytes <= searched.size(); at += 4) {
        if (elf::little_endian<std::uint32_t>(searched, at) != multiboot::header_magic) continue;
        MultibootHeader const header{file, at};
        if (header.get(multiboot::checksum) == header.right_checksum()) return header;
        if (!wrong) {
            wrong = header
                        .error(LoadErrorKind::wrong_multiboot_checksum, multiboot::checksum,
                               header.right_checksum())
                        .error();
        }
    }
    return std::unexpected(wrong.value_or(
        LoadError{.kind = LoadErrorKind::no_multiboot_header, .found = multiboot::searched_bytes}));
}

namespace detail {

/// Checks the address fields, which lie within the file.
constexpr std::expected<void, LoadError> check_address_fields(MultibootHeader const& header,
                                                              std::uint64_t file_bytes) {
    using namespace multiboot;
    using enum LoadErrorKind;
    std::uint64_t const load = header.get(load_addr);
    std::uint64_t const lies = header.get(header_addr);
    if (load > lies) return header.error(load_address_above_header, load_addr, lies);
    if (lies - load > header.offset())
        return header.error(load_address_before_file, load_addr, lies - header.offset());
    std::uint64_t const in_file = file_bytes - (header.offset() - (lies - load));
    std::uint64_t const end = header.get(load_end_addr);
    if (end != 0 && end < load)
        return header.error(load_end_below_load_address, load_end_addr, load);
    if (end != 0 && end - load > in_file)
        return header.error(load_end_beyond_file, load_end_addr, load + in_file);
    std::uint64_t const last = end != 0 ? end : load + in_file;
    std::uint64_t const bss_end = header.get(bss_end_addr);
    if (bss_end != 0 && bss_end < last)
        return header.error(bss_end_below_load_end, bss_end_addr, last);
    return {};
}

/// The image that the address fields describe, whatever the file's format.
constexpr std::expected<KernelImage, LoadError>
read_address_fields(MultibootHeader const& header, std::span<std::byte const> file) {
    using namespace multiboot;
    if (file.size() - header.offset() < address_header_bytes) {
        return header.error(LoadErrorKind::truncated_address_fields, flags,
                            file.size() - header.offset());
    }
    if (auto const checked = check_address_fields(header, file.size()); !checked)
        return std::unexpected(checked.error());

    std::uint64_t const load = header.get(load_addr);
    std::uint64_t const from = header.offset() - (header.get(header_addr) - load);
    std::uint64_t const end = header.get(load_end_addr);
    auto const contents = file.subspan(from, end != 0 ? end - load : file.size() - from);
    std::uint64_t const bss_end = header.get(bss_end_addr);
    elf::Field const end_field = bss_end != 0 ? bss_end_addr : load_end_addr;
    KernelImage image{Gpa{header.get(entry_addr)}, header.place(entry_addr)};
    auto const added = image.add({.begin = Gpa{load},
                                  .memory_bytes = bss_end != 0 ? bss_end - load : contents.size(),
                                  .contents = contents,
                                  .virtual_address = load,
                                  .address_field = header.place(load_addr),
                                  .size_field = header.place(end_field),
                                  .size_value = header.get(end_field)});
    if (!added) return std::unexpected(added.error());
    return image;
}

} // namespace detail

/// The image of a Multiboot kernel: by the address fields where the header has them, else as an ELF
/// file.
[[nodiscard]] constexpr std::expected<KernelImage, LoadError>
parse_multiboot(std::span<std::byte const> file) {
    auto const header = find_multiboot_header(file);
    if (!header) return std::unexpected(header.error());
    std::uint32_t const demands = header->get(multiboot::flags) & multiboot::header_flag::demands;
    if ((demands & ~multiboot::header_flag::known_demands) != 0) {
        return header->error(LoadErrorKind::unknown_multiboot_demand, multiboot::flags,
                             multiboot::header_flag::known_demands);
    }
    if (header->has_address_fields()) return detail::read_address_fields(*header, file);
    return parse_elf_kernel(file);
}

} // namespace twofold
