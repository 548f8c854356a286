// ELF64 files for tests, made with the system's own <elf.h>, so that the loader's idea of the
// format is checked against somebody else's.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace twofold::test {

/// A PT_LOAD of `contents` at `address`, `memory_bytes` long in memory.
struct TestSegment {
    std::uint64_t address;
    std::vector<std::byte> contents;
    std::uint64_t memory_bytes;
};

/// Headers that can be bent before the bytes are made of them. Contents follow the headers.
struct ElfFile {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> program_headers;
    std::vector<std::byte> contents;

    explicit ElfFile(std::vector<TestSegment> const& segments) {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_entry = segments.empty() ? 0 : segments.front().address;
        header.e_phoff = sizeof header;
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = static_cast<Elf64_Half>(segments.size());

        std::uint64_t offset = sizeof header + segments.size() * sizeof(Elf64_Phdr);
        for (TestSegment const& segment : segments) {
            program_headers.push_back({.p_type = PT_LOAD,
                                       .p_flags = PF_R | PF_W | PF_X,
                                       .p_offset = offset,
                                       .p_vaddr = segment.address,
                                       .p_paddr = segment.address,
                                       .p_filesz = segment.contents.size(),
                                       .p_memsz = segment.memory_bytes,
                                       .p_align = 1});
            contents.insert(contents.end(), segment.contents.begin(), segment.contents.end());
            offset += segment.contents.size();
        }
    }

    [[nodiscard]] std::vector<std::byte> bytes() const {
        std::vector<std::byte> all;
        auto const append = [&all](std::span<std::byte const> more) {
            all.insert(all.end(), more.begin(), more.end());
        };
        append(std::as_bytes(std::span{&header, 1}));
        append(std::as_bytes(std::span{program_headers}));
        append(contents);
        return all;
    }
    /// Where field `offset` of program header `number` stands.
    [[nodiscard]] std::uint64_t place(std::uint64_t number, std::size_t offset) const {
        return sizeof header + number * sizeof(Elf64_Phdr) + offset;
    }
};

inline std::vector<std::byte> bytes_of(std::size_t count, unsigned first) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i)
        bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

} // namespace twofold::test
