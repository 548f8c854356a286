#include "catch.hpp"
#include "support/valid_elf_file.hpp"

#include <twofold/load/elf.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace elf_segment_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::test::valid_elf;

TEST_CASE("a segment whose bytes lie outside the file is refused") {
    auto file = valid_file();
    auto const size = file.bytes().size();
    for (std::uint64_t const offset : {size + 1, largest}) {
        file.program_headers[1].p_offset = offset;
        CHECK(error_of(file) == LoadError{LoadErrorKind::segment_outside_file, file.place(1, 8),
                                          "p_offset", offset, size, 1});
    }
}

TEST_CASE("a segment whose bytes reach beyond the file is refused, also where the sum wraps") {
    for (std::uint64_t const length : {std::uint64_t{61}, largest - 10, largest}) {
        auto file = valid_file();
        file.program_headers[1].p_filesz = length;
        file.program_headers[1].p_memsz = largest;
        CHECK(error_of(file) == LoadError{LoadErrorKind::segment_reaches_beyond_file,
                                          file.place(1, 32), "p_filesz", length, 60, 1});
    }
}

TEST_CASE("every truncation of a segment's bytes is refused") {
    auto const whole = valid_file().bytes();
    for (std::size_t size = 64 + 2 * 56; size < whole.size(); ++size) {
        auto const error =
            error_of({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
        CHECK((error.kind == LoadErrorKind::segment_reaches_beyond_file ||
               error.kind == LoadErrorKind::segment_outside_file));
    }
}

TEST_CASE("a segment with more bytes in the file than in memory is refused") {
    auto file = valid_file();
    file.program_headers[0].p_memsz = 99;
    CHECK(error_of(file) == LoadError{LoadErrorKind::more_in_file_than_in_memory, file.place(0, 32),
                                      "p_filesz", 100, 99, 0});
}

TEST_CASE("an alignment must be a power of two, and hold") {
    auto file = valid_file();
    file.program_headers[0].p_align = 0x1800;
    CHECK(error_of(file) == LoadError{LoadErrorKind::alignment_not_power_of_two, file.place(0, 48),
                                      "p_align", 0x1800, 0, 0});
    file.program_headers[0].p_align = 0x1000;
    CHECK(error_of(file) == LoadError{LoadErrorKind::misaligned_segment, file.place(0, 16),
                                      "p_vaddr", 0x40'0000, file.program_headers[0].p_offset, 0});
    for (std::uint64_t const alignment : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{16}}) {
        file.program_headers[0].p_align = alignment;
        CHECK(parse_elf(file.bytes()));
    }
}

TEST_CASE("a segment beyond what a guest can address is refused, also where its end wraps") {
    auto file = valid_file();
    for (std::uint64_t const address : {most_guest_memory, largest - 50, largest}) {
        file.program_headers[1].p_paddr = address;
        CHECK(error_of(file) == LoadError{LoadErrorKind::segment_outside_address_space,
                                          file.place(1, 24), "p_paddr", address, most_guest_memory,
                                          1});
    }
    file = valid_file();
    for (std::uint64_t const length :
         {most_guest_memory - 0x40'0fff, largest - 0x40'0000, largest}) {
        file.program_headers[1].p_memsz = length;
        CHECK(error_of(file) == LoadError{LoadErrorKind::segment_reaches_beyond_address_space,
                                          file.place(1, 40), "p_memsz", length,
                                          most_guest_memory - 0x40'1000, 1});
    }
}

TEST_CASE("segments that share a single byte are refused, whichever comes first") {
    auto file = valid_file();
    file.program_headers[1].p_paddr = 0x40'0000 + 99;
    CHECK(error_of(file) == LoadError{LoadErrorKind::segments_overlap, file.place(1, 24), "p_paddr",
                                      0x40'0000 + 99, 0, 1});
    file.program_headers[1].p_paddr = 0x40'0000 + 100;
    CHECK(parse_elf(file.bytes()));

    file = valid_file();
    file.program_headers[0].p_paddr = 0x40'1000 + 0x2fff;
    CHECK(error_of(file).kind == LoadErrorKind::segments_overlap);
    file = valid_file();
    file.program_headers[1].p_paddr = 0x40'0000;
    CHECK(error_of(file).kind == LoadErrorKind::segments_overlap);
}

TEST_CASE("as many segments as an image holds are taken, and one more is refused") {
    std::vector<TestSegment> segments;
    segments.reserve(ElfImage::most_segments + 1);
    for (std::uint64_t i = 0; i < ElfImage::most_segments; ++i)
        segments.push_back({0x40'0000 + i * 0x1000, bytes_of(4, 0), 0x1000});
    CHECK(parse_elf(ElfFile{segments}.bytes()));
    segments.push_back({0x80'0000, bytes_of(4, 0), 0x1000});
    ElfFile const file{segments};
    CHECK(error_of(file) == LoadError{LoadErrorKind::too_many_segments, file.place(16, 0), "p_type",
                                      PT_LOAD, 16, 16});
}

} // namespace elf_segment_test
