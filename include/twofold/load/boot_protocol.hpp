// Which boot protocol a file is made for.
#pragma once

#include <twofold/load/elf.hpp>
#include <twofold/load/linux_header.hpp>
#include <twofold/load/multiboot_header.hpp>
#include <twofold/load/pvh_note.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace twofold {

enum class BootProtocol : std::uint8_t {
    /// A kernel of the family: abi/launch_info.hpp.
    family,
    multiboot,
    pvh,
    linux_kernel,
    /// Never found in a file: it has to be asked for.
    raw,
};

constexpr std::string_view name_of(BootProtocol protocol) {
    switch (protocol) {
    case BootProtocol::family: return "twofold";
    case BootProtocol::multiboot: return "multiboot";
    case BootProtocol::pvh: return "pvh";
    case BootProtocol::linux_kernel: return "linux";
    case BootProtocol::raw: return "raw";
    }
    return {};
}

/// Looks for what each protocol is told by, in this order: Linux's setup header, a Multiboot
/// header, a PVH note; an ELF file with neither is one of the family. A file that is none of these
/// gets the error that says most: a Multiboot header's wrong checksum, else not_a_kernel. Whether
/// the file can be loaded is for the protocol's loader to say.
[[nodiscard]] constexpr std::expected<BootProtocol, LoadError>
detect_boot_protocol(std::span<std::byte const> file) {
    if (is_linux(file)) return BootProtocol::linux_kernel;
    auto const multiboot = find_multiboot_header(file);
    if (multiboot && (multiboot->has_address_fields() || is_elf(file)))
        return BootProtocol::multiboot;
    if (is_elf(file)) return find_pvh_entry(file) ? BootProtocol::pvh : BootProtocol::family;
    if (!multiboot && multiboot.error().kind == LoadErrorKind::wrong_multiboot_checksum)
        return std::unexpected(multiboot.error());
    return std::unexpected(LoadError{
        .kind = LoadErrorKind::not_a_kernel,
        .found = file.size() >= elf::magic_bytes ? elf::little_endian<std::uint32_t>(file, 0) : 0});
}

} // namespace twofold
