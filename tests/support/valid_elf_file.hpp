// A file that the ELF loader takes, and what it says once a test has bent it.
#pragma once

#include "catch.hpp"
#include "support/elf_file.hpp"

#include <twofold/load/elf.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace twofold::test::valid_elf {

inline constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

/// A file that loads, to be bent.
inline ElfFile valid_file() {
    return ElfFile{{{0x40'0000, bytes_of(100, 1), 100}, {0x40'1000, bytes_of(60, 7), 0x3000}}};
}

/// The error that the file gives; fails the test when it gives none.
inline LoadError error_of(std::vector<std::byte> const& file) {
    auto const image = parse_elf(file);
    REQUIRE_FALSE(image);
    return image.error();
}
inline LoadError error_of(ElfFile const& file) { return error_of(file.bytes()); }

} // namespace twofold::test::valid_elf
