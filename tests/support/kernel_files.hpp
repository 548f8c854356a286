// Kernels of other boot protocols for tests: made with the system's own <elf.h> and
// <asm/bootparam.h>, so that the loaders' idea of the formats is checked against somebody else's.
#pragma once

#include "support/elf_file.hpp"

#include <asm/bootparam.h>
#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace twofold::test {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& to, T const& value) {
    auto const bytes = std::as_bytes(std::span{&value, 1});
    to.insert(to.end(), bytes.begin(), bytes.end());
}
template <class T>
void overwrite(Bytes& in, std::size_t at, T const& value) {
    std::memcpy(in.data() + at, &value, sizeof value);
}
inline Bytes joined(Bytes first, Bytes const& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

/// An ELF32 executable for i386 of the same shape as `file`.
inline Bytes as_elf32(ElfFile const& file) {
    auto const narrow = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    std::size_t const headers =
        sizeof(Elf32_Ehdr) + file.program_headers.size() * sizeof(Elf32_Phdr);
    std::size_t const headers_64 =
        sizeof(Elf64_Ehdr) + file.program_headers.size() * sizeof(Elf64_Phdr);
    Elf32_Ehdr header{};
    std::memcpy(header.e_ident, file.header.e_ident, sizeof header.e_ident);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_type = file.header.e_type;
    header.e_machine = EM_386;
    header.e_version = EV_CURRENT;
    header.e_entry = narrow(file.header.e_entry);
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf32_Phdr);
    header.e_phnum = file.header.e_phnum;
    Bytes bytes;
    append(bytes, header);
    for (Elf64_Phdr const& wide : file.program_headers) {
        append(bytes, Elf32_Phdr{.p_type = wide.p_type,
                                 .p_offset = narrow(wide.p_offset - headers_64 + headers),
                                 .p_vaddr = narrow(wide.p_vaddr),
                                 .p_paddr = narrow(wide.p_paddr),
                                 .p_filesz = narrow(wide.p_filesz),
                                 .p_memsz = narrow(wide.p_memsz),
                                 .p_flags = wide.p_flags,
                                 .p_align = narrow(wide.p_align)});
    }
    return joined(bytes, file.contents);
}

/// The fields of a Multiboot header; those after the checksum count with bit 16 of `flags` only.
struct MultibootFields {
    std::uint32_t magic = 0x1bad'b002;
    std::uint32_t flags = 3;
    std::uint32_t checksum = 0 - magic - flags;
    std::uint32_t header_addr = 0;
    std::uint32_t load_addr = 0;
    std::uint32_t load_end_addr = 0;
    std::uint32_t bss_end_addr = 0;
    std::uint32_t entry_addr = 0;
};
inline Bytes multiboot_header(std::uint32_t flags = 3) {
    MultibootFields const fields{.flags = flags};
    Bytes bytes;
    append(bytes, fields.magic);
    append(bytes, fields.flags);
    append(bytes, fields.checksum);
    return bytes;
}

/// A Multiboot ELF file: the header, then bytes 1, 2, 3 ..., at `address`; another segment of
/// zeros alone.
inline ElfFile multiboot_elf(std::uint64_t address = 0x10'0000) {
    ElfFile file{{{address, joined(multiboot_header(), bytes_of(100, 1)), 0x1234},
                  {address + 0x2000, {}, 0x3000}}};
    file.header.e_entry = address + 12;
    return file;
}

/// A Multiboot file that is no ELF file: 64 bytes, the header, 100 bytes; `fields` are put in.
inline Bytes multiboot_flat(MultibootFields const& fields) {
    Bytes bytes = bytes_of(64, 0x80);
    append(bytes, fields);
    return joined(bytes, bytes_of(100, 1));
}
inline MultibootFields flat_fields(std::uint32_t load = 0x8000) {
    return {
        .flags = 0x1'0003, .header_addr = load + 64, .load_addr = load, .entry_addr = load + 96};
}

inline Bytes note(std::string_view name, std::uint32_t type, Bytes const& descriptor) {
    Bytes bytes;
    append(bytes, Elf64_Nhdr{.n_namesz = static_cast<Elf64_Word>(name.size()),
                             .n_descsz = static_cast<Elf64_Word>(descriptor.size()),
                             .n_type = type});
    auto const text = std::as_bytes(std::span{name});
    bytes.insert(bytes.end(), text.begin(), text.end());
    bytes.resize((bytes.size() + 3) & ~std::size_t{3});
    bytes = joined(bytes, descriptor);
    bytes.resize((bytes.size() + 3) & ~std::size_t{3});
    return bytes;
}
template <class T>
Bytes bytes_with(T value) {
    Bytes bytes;
    append(bytes, value);
    return bytes;
}

/// An ELF file whose second segment is a PT_NOTE of `notes`.
inline ElfFile elf_with_notes(Bytes const& notes, std::uint64_t address = 0x10'0000) {
    ElfFile file{{{address, bytes_of(200, 1), 0x5000}, {0, notes, notes.size()}}};
    file.program_headers[1].p_type = PT_NOTE;
    file.program_headers[1].p_align = 4;
    return file;
}
inline Bytes pvh_notes(std::uint32_t entry = 0x10'0040) {
    using namespace std::string_view_literals;
    return joined(note("GNU\0"sv, 3, bytes_of(20, 0)), note("Xen\0"sv, 18, bytes_with(entry)));
}

/// A bzImage: one sector of setup, then `kernel_bytes` of kernel.
struct LinuxFile {
    setup_header header{};
    Bytes kernel;

    explicit LinuxFile(std::size_t kernel_bytes = 4096) : kernel(bytes_of(kernel_bytes, 5)) {
        header.setup_sects = 1;
        header.syssize = static_cast<__u32>(kernel_bytes / 16);
        header.boot_flag = 0xaa55;
        header.jump = 0x66eb; // To 0x268.
        header.header = 0x5372'6448;
        header.version = 0x20f;
        header.loadflags = LOADED_HIGH;
        header.code32_start = 0x10'0000;
        header.initrd_addr_max = 0x7fff'ffff;
        header.kernel_alignment = 0x20'0000;
        header.relocatable_kernel = 1;
        header.xloadflags = XLF_KERNEL_64;
        header.cmdline_size = 2047;
        header.pref_address = 0x100'0000;
        header.init_size = 0x10'0000;
    }
    [[nodiscard]] Bytes bytes() const {
        Bytes all(1024);
        overwrite(all, 0x1f1, header);
        return joined(all, kernel);
    }
};

} // namespace twofold::test
