#include "catch.hpp"
#include "support/valid_elf_file.hpp"

#include <twofold/load/elf.hpp>

#include <cstddef>
#include <vector>

namespace elf_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::test::valid_elf;

TEST_CASE("a valid file gives its entry, and its segments with their bytes and sizes") {
    auto const file = valid_file().bytes();
    auto const image = parse_elf(file);
    REQUIRE(image);
    CHECK(image->entry() == Gpa{0x40'0000});
    CHECK(image->end() == Gpa{0x40'4000});
    REQUIRE(image->segments().size() == 2);
    auto const& data = image->segments()[1];
    CHECK(data.begin == Gpa{0x40'1000});
    CHECK(data.memory_bytes == 0x3000);
    CHECK(std::vector(data.contents.begin(), data.contents.end()) == bytes_of(60, 7));
}

TEST_CASE("segments are placed by their physical address, and need no order") {
    auto file = valid_file();
    file.program_headers[0].p_paddr = 0x80'0000;
    file.header.e_entry = 0x80'0000;
    auto const bytes = file.bytes();
    auto const image = parse_elf(bytes);
    REQUIRE(image);
    CHECK(image->segments()[0].begin == Gpa{0x80'0000});
    CHECK(image->end() == Gpa{0x80'0000 + 100});
}

TEST_CASE("program headers that ask for no memory are passed over") {
    auto file = valid_file();
    file.program_headers.push_back({.p_type = PT_NOTE,
                                    .p_flags = 0,
                                    .p_offset = largest,
                                    .p_vaddr = 0,
                                    .p_paddr = 0,
                                    .p_filesz = largest,
                                    .p_memsz = largest,
                                    .p_align = 3});
    file.program_headers.push_back({.p_type = PT_LOAD,
                                    .p_flags = 0,
                                    .p_offset = largest,
                                    .p_vaddr = 0,
                                    .p_paddr = largest,
                                    .p_filesz = 0,
                                    .p_memsz = 0,
                                    .p_align = 4096});
    file.header.e_phnum = 4;
    file.program_headers[0].p_offset += 2 * sizeof(Elf64_Phdr);
    file.program_headers[1].p_offset += 2 * sizeof(Elf64_Phdr);
    auto const bytes = file.bytes();
    auto const image = parse_elf(bytes);
    REQUIRE(image);
    CHECK(image->segments().size() == 2);
}

TEST_CASE("what does not start as an ELF file is told apart from what ends too early") {
    CHECK(error_of(bytes_of(200, 'a')).kind == LoadErrorKind::not_elf);
    CHECK(error_of(bytes_of(4, 'a')).kind == LoadErrorKind::not_elf);
    CHECK(error_of(bytes_of(3, 'a')).kind == LoadErrorKind::truncated_header);
    CHECK(error_of(std::vector<std::byte>{}) ==
          LoadError{.kind = LoadErrorKind::truncated_header, .found = 0, .expected = 64});
}

TEST_CASE("a file that is cut anywhere in its headers is refused") {
    auto const whole = valid_file().bytes();
    for (std::size_t size = 4; size < sizeof(Elf64_Ehdr); ++size) {
        CHECK(error_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}) ==
              LoadError{.kind = LoadErrorKind::truncated_header, .found = size, .expected = 64});
    }
    for (std::size_t size = 64; size < 64 + 2 * sizeof(Elf64_Phdr); ++size) {
        auto const error =
            error_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
        CHECK(error.kind == LoadErrorKind::truncated_program_headers);
        CHECK(error.found == 2);
        CHECK(error.expected == (size - 64) / sizeof(Elf64_Phdr));
    }
}

TEST_CASE("a 32-bit file is refused at EI_CLASS") {
    auto file = valid_file();
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_class, 4, "EI_CLASS", 1, 2});
}

TEST_CASE("a big-endian file is refused at EI_DATA") {
    auto file = valid_file();
    file.header.e_ident[EI_DATA] = ELFDATA2MSB;
    CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_byte_order, 5, "EI_DATA", 2, 1});
}

TEST_CASE("an unknown version is refused in either place") {
    auto file = valid_file();
    file.header.e_ident[EI_VERSION] = 0;
    CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_version, 6, "EI_VERSION", 0, 1});
    file = valid_file();
    file.header.e_version = 7;
    CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_version, 20, "e_version", 7, 1});
}

TEST_CASE("a file for another machine is refused at e_machine") {
    auto file = valid_file();
    file.header.e_machine = EM_AARCH64;
    CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_machine, 18, "e_machine", 183, 62});
}

TEST_CASE("only executables at a fixed address are taken") {
    for (unsigned const type :
         {unsigned{ET_NONE}, unsigned{ET_REL}, unsigned{ET_DYN}, unsigned{ET_CORE}}) {
        auto file = valid_file();
        file.header.e_type = static_cast<Elf64_Half>(type);
        CHECK(error_of(file) == LoadError{LoadErrorKind::wrong_type, 16, "e_type", type, 2});
    }
}

TEST_CASE("program headers of another size are refused") {
    auto file = valid_file();
    file.header.e_phentsize = 32;
    CHECK(error_of(file) ==
          LoadError{LoadErrorKind::wrong_program_header_size, 54, "e_phentsize", 32, 56});
}

TEST_CASE("program headers outside the file are refused, also where their offset nears 2^64") {
    for (std::uint64_t const offset : {std::uint64_t{100'000}, largest - 55, largest}) {
        auto file = valid_file();
        file.header.e_phoff = offset;
        CHECK(error_of(file) == LoadError{LoadErrorKind::program_headers_outside_file, 32,
                                          "e_phoff", offset, file.bytes().size()});
    }
}

TEST_CASE("more program headers than the file can hold are refused") {
    auto file = valid_file();
    file.header.e_phnum = 0xffff;
    auto const room = (file.bytes().size() - 64) / 56;
    CHECK(error_of(file) ==
          LoadError{LoadErrorKind::truncated_program_headers, 56, "e_phnum", 0xffff, room});
}

TEST_CASE("a file that loads nothing is refused") {
    auto file = valid_file();
    file.header.e_phnum = 0;
    CHECK(error_of(file) == LoadError{LoadErrorKind::nothing_to_load, 56, "e_phnum", 0});
    file = valid_file();
    for (auto& header : file.program_headers)
        header.p_type = PT_NOTE;
    CHECK(error_of(file) == LoadError{LoadErrorKind::nothing_to_load, 56, "e_phnum", 2});
    file = valid_file();
    for (auto& header : file.program_headers)
        header.p_filesz = header.p_memsz = 0;
    CHECK(error_of(file).kind == LoadErrorKind::nothing_to_load);
}

TEST_CASE("a file that asks for a dynamic loader is refused") {
    for (Elf64_Word const type : {Elf64_Word{PT_INTERP}, Elf64_Word{PT_DYNAMIC}}) {
        auto file = valid_file();
        file.program_headers[1].p_type = type;
        CHECK(error_of(file) ==
              LoadError{LoadErrorKind::dynamically_linked, file.place(1, 0), "p_type", type, 0, 1});
    }
}

TEST_CASE("an entry outside every segment is refused") {
    auto file = valid_file();
    for (std::uint64_t const entry :
         {std::uint64_t{0}, std::uint64_t{0x3f'ffff}, std::uint64_t{0x40'0000 + 100},
          std::uint64_t{0x40'4000}, largest}) {
        file.header.e_entry = entry;
        CHECK(error_of(file) ==
              LoadError{LoadErrorKind::entry_outside_segments, 24, "e_entry", entry});
    }
    for (std::uint64_t const entry : {std::uint64_t{0x40'0000 + 99}, std::uint64_t{0x40'3fff}}) {
        file.header.e_entry = entry;
        CHECK(parse_elf(file.bytes()));
    }
}

} // namespace elf_test
