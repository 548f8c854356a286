// The setup header of a Linux kernel, and the image behind it (Linux, Documentation/arch/x86/boot).
#pragma once

#include <twofold/arch/bits.hpp>
#include <twofold/load/kernel_image.hpp>
#include <twofold/load/load_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold {

namespace linux_boot {
inline constexpr elf::Field setup_sects{"setup_sects", 0x1f1};
inline constexpr elf::Field syssize{"syssize", 0x1f4};
inline constexpr elf::Field boot_flag{"boot_flag", 0x1fe};
inline constexpr elf::Field jump{"jump", 0x200};
inline constexpr elf::Field header{"header", 0x202};
inline constexpr elf::Field version{"version", 0x206};
inline constexpr elf::Field loadflags{"loadflags", 0x211};
inline constexpr elf::Field code32_start{"code32_start", 0x214};
inline constexpr elf::Field initrd_addr_max{"initrd_addr_max", 0x22c};
inline constexpr elf::Field relocatable_kernel{"relocatable_kernel", 0x234};
inline constexpr elf::Field xloadflags{"xloadflags", 0x236};
inline constexpr elf::Field cmdline_size{"cmdline_size", 0x238};
inline constexpr elf::Field pref_address{"pref_address", 0x258};
inline constexpr elf::Field init_size{"init_size", 0x260};

/// "HdrS", first byte lowest.
inline constexpr std::uint32_t header_magic = 0x5372'6448;
inline constexpr std::uint16_t boot_flag_magic = 0xaa55;
/// A file that is shorter has no setup header of protocol 2.02.
inline constexpr std::uint64_t least_bytes = 0x22c;
/// The header ends here at the latest: other fields of the zero page follow.
inline constexpr std::uint64_t most_header_end = 0x290;
inline constexpr std::uint64_t sector_bytes = 512;
/// What a header that says 0 means.
inline constexpr std::uint64_t default_setup_sectors = 4;
/// Protocol versions. 2.02 brought cmd_line_ptr.
inline constexpr std::uint16_t version_2_02 = 0x202;
inline constexpr std::uint16_t version_2_03 = 0x203;
inline constexpr std::uint16_t version_2_06 = 0x206;
inline constexpr std::uint16_t version_2_10 = 0x20a;
inline constexpr std::uint16_t version_2_12 = 0x20c;

/// loadflags.
inline constexpr std::uint8_t loaded_high = 1;
/// xloadflags.
inline constexpr std::uint16_t kernel_64 = 1;
/// Where a kernel that does not say better is loaded, and where its initrd and line must end.
inline constexpr std::uint64_t default_load_address = 0x10'0000;
inline constexpr std::uint64_t default_initrd_end = 0x3800'0000;
inline constexpr std::uint64_t default_command_line = 255;
/// From the 32-bit entry to the 64-bit one.
inline constexpr std::uint64_t entry_64_offset = 0x200;
} // namespace linux_boot

/// Checked. Fields that the header's version lacks have the values that it means.
class LinuxHeader {
  public:
    [[nodiscard]] static constexpr std::expected<LinuxHeader, LoadError>
    read(std::span<std::byte const> file);

    [[nodiscard]] constexpr std::uint16_t version() const {
        return get<std::uint16_t>(linux_boot::version);
    }
    /// The header as it goes to the zero page, from setup_sects on.
    [[nodiscard]] constexpr std::span<std::byte const> bytes() const {
        std::uint64_t const end =
            linux_boot::header.offset + get<std::uint8_t>({"", linux_boot::jump.offset + 1});
        std::uint64_t const most =
            std::min<std::uint64_t>(setup_bytes(), linux_boot::most_header_end);
        return file_.subspan(linux_boot::setup_sects.offset,
                             std::clamp(end, linux_boot::least_bytes, most) -
                                 linux_boot::setup_sects.offset);
    }
    /// The protected-mode kernel.
    [[nodiscard]] constexpr std::span<std::byte const> kernel() const {
        return file_.subspan(setup_bytes());
    }
    [[nodiscard]] constexpr bool has_64_bit_entry() const {
        return version() >= linux_boot::version_2_12 &&
               (get<std::uint16_t>(linux_boot::xloadflags) & linux_boot::kernel_64) != 0;
    }
    /// Where the protected-mode kernel is loaded.
    [[nodiscard]] constexpr elf::Field load_field() const {
        return relocatable() ? linux_boot::pref_address : linux_boot::code32_start;
    }
    [[nodiscard]] constexpr std::uint64_t load_address() const {
        return relocatable() ? get<std::uint64_t>(linux_boot::pref_address)
                             : get<std::uint32_t>(linux_boot::code32_start);
    }
    /// Memory from there on that the kernel needs until it reads the memory map. Bytes.
    [[nodiscard]] constexpr std::uint64_t memory_bytes() const {
        return std::max<std::uint64_t>(said_memory_bytes(), kernel().size());
    }
    /// The field that decides memory_bytes().
    [[nodiscard]] constexpr elf::Field memory_field() const {
        return said_memory_bytes() >= kernel().size() ? linux_boot::init_size : linux_boot::syssize;
    }
    [[nodiscard]] constexpr std::uint32_t memory_value() const {
        return get<std::uint32_t>(memory_field());
    }
    /// The initrd ends at or below this.
    [[nodiscard]] constexpr std::uint64_t initrd_end() const {
        if (version() < linux_boot::version_2_03) return linux_boot::default_initrd_end;
        return std::uint64_t{get<std::uint32_t>(linux_boot::initrd_addr_max)} + 1;
    }
    /// The longest command line, its NUL not counted.
    [[nodiscard]] constexpr std::uint64_t most_command_line() const {
        if (version() < linux_boot::version_2_06) return linux_boot::default_command_line;
        return get<std::uint32_t>(linux_boot::cmdline_size);
    }

  private:
    explicit constexpr LinuxHeader(std::span<std::byte const> file) : file_(file) {}

    /// `field` must lie within the file.
    template <class T>
    [[nodiscard]] constexpr T get(elf::Field field) const {
        return elf::little_endian<T>(file_, field.offset);
    }
    /// Boot sector and real-mode code.
    [[nodiscard]] constexpr std::uint64_t setup_bytes() const {
        std::uint64_t const sectors = get<std::uint8_t>(linux_boot::setup_sects);
        return ((sectors == 0 ? linux_boot::default_setup_sectors : sectors) + 1) *
               linux_boot::sector_bytes;
    }
    [[nodiscard]] constexpr std::uint64_t said_memory_bytes() const {
        if (version() < linux_boot::version_2_10) return 0;
        return get<std::uint32_t>(linux_boot::init_size);
    }
    [[nodiscard]] constexpr bool relocatable() const {
        return version() >= linux_boot::version_2_10 &&
               get<std::uint8_t>(linux_boot::relocatable_kernel) != 0;
    }
    [[nodiscard]] constexpr std::expected<void, LoadError> check() const;

    std::span<std::byte const> file_;
};

/// The file says that it is a Linux kernel.
[[nodiscard]] constexpr bool is_linux(std::span<std::byte const> file) {
    return file.size() >= linux_boot::least_bytes &&
           elf::little_endian<std::uint32_t>(file, linux_boot::header.offset) ==
               linux_boot::header_magic;
}

constexpr std::expected<void, LoadError> LinuxHeader::check() const {
    using namespace linux_boot;
    using enum LoadErrorKind;
    auto const error = [](LoadErrorKind kind, elf::Field field, std::uint64_t found,
                          std::uint64_t expected) {
        return std::unexpected(LoadError{kind, field.offset, field.name, found, expected});
    };
    auto const flag = get<std::uint16_t>(boot_flag);
    if (flag != boot_flag_magic) return error(wrong_boot_flag, boot_flag, flag, boot_flag_magic);
    if (version() < version_2_02)
        return error(old_linux_protocol, linux_boot::version, version(), version_2_02);
    auto const flags = get<std::uint8_t>(loadflags);
    if ((flags & loaded_high) == 0) return error(not_loaded_high, loadflags, flags, loaded_high);
    if (setup_bytes() >= file_.size()) {
        return error(truncated_linux_setup, setup_sects, get<std::uint8_t>(setup_sects),
                     file_.size());
    }
    // In units of 16 bytes; the last one need not be whole.
    std::uint64_t const units = get<std::uint32_t>(syssize);
    if (units > (kernel().size() + 15) / 16)
        return error(truncated_linux_kernel, syssize, units, kernel().size());
    return {};
}

constexpr std::expected<LinuxHeader, LoadError> LinuxHeader::read(std::span<std::byte const> file) {
    if (!is_linux(file)) {
        bool const has_field = file.size() >= linux_boot::least_bytes;
        return std::unexpected(LoadError{
            LoadErrorKind::not_linux, linux_boot::header.offset, linux_boot::header.name,
            has_field ? elf::little_endian<std::uint32_t>(file, linux_boot::header.offset) : 0,
            linux_boot::header_magic});
    }
    LinuxHeader const header{file};
    if (auto const checked = header.check(); !checked) return std::unexpected(checked.error());
    return header;
}

/// The protected-mode kernel with the memory that it needs, and its 32-bit entry.
[[nodiscard]] constexpr std::expected<KernelImage, LoadError>
linux_image(LinuxHeader const& header) {
    std::uint64_t const load = header.load_address();
    if (load >= std::uint64_t{1} << 32) {
        return std::unexpected(LoadError{LoadErrorKind::linux_above_4g, header.load_field().offset,
                                         header.load_field().name, load, std::uint64_t{1} << 32});
    }
    KernelImage image{Gpa{load}, header.load_field()};
    auto const added = image.add({.begin = Gpa{load},
                                  .memory_bytes = header.memory_bytes(),
                                  .contents = header.kernel(),
                                  .virtual_address = load,
                                  .address_field = header.load_field(),
                                  .size_field = header.memory_field(),
                                  .size_value = header.memory_value()});
    if (!added) return std::unexpected(added.error());
    return image;
}

} // namespace twofold
