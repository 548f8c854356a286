#include "catch.hpp"
#include "support/elf_file.hpp"

#include <twofold/load/elf.hpp>
#include <twofold/load/load_error_text.hpp>

#include <string>
#include <string_view>

namespace load_error_text_test {

using namespace twofold;
using namespace twofold::test;

namespace {

std::string text_of(LoadError const& error) {
    std::string text;
    auto sink = [&text](std::string_view piece) { text += piece; };
    describe(error, sink);
    return text;
}

} // namespace

TEST_CASE("an error of the ELF header says which field, where, what it is, and what it must be") {
    CHECK(text_of({LoadErrorKind::wrong_class, 4, "EI_CLASS", 1, 2}) ==
          "EI_CLASS at offset 0x4 is 1; it must be 2 (64-bit): build with -m64");
    CHECK(text_of({LoadErrorKind::entry_outside_segments, 24, "e_entry", 0x1234}) ==
          "e_entry at offset 0x18 is 0x1234; it must lie within a segment that is loaded");
}

TEST_CASE("an error of a program header says which one") {
    CHECK(text_of({LoadErrorKind::segment_reaches_beyond_file, 0xd8, "p_filesz", 0x2000, 0x1234,
                   2}) == "program header 2: p_filesz at offset 0xd8 is 0x2000; it must be at most "
                          "0x1234: there the file ends");
}

TEST_CASE("a file that is no ELF file is shown its first bytes") {
    auto const image = parse_elf(bytes_of(80, 9));
    REQUIRE_FALSE(image);
    CHECK(text_of(image.error()) ==
          "not an ELF file: its first bytes are 09 0a 0b 0c; they must be 7f 45 4c 46");
}

TEST_CASE("too little memory says how much would do") {
    CHECK(text_of({.kind = LoadErrorKind::memory_too_small, .found = 4096, .expected = 8192}) ==
          "guest memory of 4096 bytes is too small for the image, its launch information and its "
          "page tables; 8192 bytes would do");
}

TEST_CASE("every kind of error has words of its own, of at most 256 bytes") {
    constexpr auto all_ones = ~std::uint64_t{0};
    std::vector<std::string> seen;
    for (unsigned kind = 0; kind <= static_cast<unsigned>(LoadErrorKind::memory_failed); ++kind) {
        auto const as_kind = static_cast<LoadErrorKind>(kind);
        bool const of_program_header = as_kind >= LoadErrorKind::dynamically_linked &&
                                       as_kind != LoadErrorKind::nothing_to_load &&
                                       as_kind != LoadErrorKind::entry_outside_segments;
        LoadError error{as_kind, all_ones, "a_field_name", all_ones, all_ones};
        if (of_program_header) error.program_header = 65535;
        std::string const text = text_of(error);
        INFO(text);
        CHECK(text.size() <= 256);
        CHECK(text.find("; ") + 2 < text.size());
        CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
        seen.push_back(text);

        abi::TextBuffer<256> buffer;
        describe(error, buffer);
        CHECK(buffer.text() == text);
    }
}

TEST_CASE("a buffer that is too small keeps the beginning") {
    abi::TextBuffer<10> buffer;
    describe({LoadErrorKind::wrong_class, 4, "EI_CLASS", 1, 2}, buffer);
    CHECK(buffer.text() == "EI_CLASS a");
}

} // namespace load_error_text_test
