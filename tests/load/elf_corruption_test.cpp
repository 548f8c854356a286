// The file may come from anywhere. Run with AddressSanitizer, these tests also show that nothing
// outside the file is read.
#include "catch.hpp"
#include "support/elf_file.hpp"
#include "support/flat_guest_memory.hpp"

#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>

#include <memory>
#include <random>
#include <span>
#include <vector>

namespace elf_corruption_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t memory_bytes = 64 * 4096;

std::vector<std::byte> const valid =
    ElfFile{{{0x1000, bytes_of(24, 1), 24}, {0x2000, bytes_of(8, 7), 0x345}}}.bytes();

/// Loads `bytes` out of an allocation of exactly their size. True when a guest came of it; checks
/// what must hold either way.
bool load(std::span<std::byte const> bytes) {
    auto const exact = std::make_unique<std::byte[]>(bytes.size());
    std::ranges::copy(bytes, exact.get());
    static FlatGuestMemory memory{memory_bytes};

    auto const layout = load_guest(std::span<std::byte const>{exact.get(), bytes.size()},
                                   {.memory_bytes = memory_bytes}, memory);
    REQUIRE_FALSE(memory.was_left());
    if (layout) {
        REQUIRE(layout->entry.value() < memory_bytes);
        REQUIRE(layout->free_begin.value() <= memory_bytes);
    } else {
        abi::TextBuffer<256> text;
        describe(layout.error().error, text);
        REQUIRE(!text.text().empty());
    }
    return layout.has_value();
}

} // namespace

TEST_CASE("no corruption of one byte makes the loader leave the file or the guest's memory") {
    auto file = valid;
    unsigned loaded = 0;
    for (auto& byte : file) {
        std::byte const original = byte;
        for (unsigned value = 0; value < 256; ++value) {
            byte = static_cast<std::byte>(value);
            loaded += load(file) ? 1 : 0;
        }
        byte = original;
    }
    CHECK(loaded > 0);
    CHECK(loaded < 256 * file.size());
}

TEST_CASE("no truncation makes the loader leave the file or the guest's memory, or load a guest") {
    for (std::size_t size = 0; size < valid.size(); ++size)
        CHECK_FALSE(load(std::span{valid}.first(size)));
    CHECK(load(valid));
}

TEST_CASE("no extreme value in any field makes the loader leave the file or the guest's memory") {
    constexpr std::uint64_t extremes[] = {0,
                                          1,
                                          0x7fff'ffff,
                                          0xffff'ffff,
                                          std::uint64_t{1} << 47,
                                          std::uint64_t{1} << 63,
                                          ~std::uint64_t{0} - 4095,
                                          ~std::uint64_t{0} - 1,
                                          ~std::uint64_t{0}};
    std::mt19937_64 random{20240229};
    for (unsigned round = 0; round < 20'000; ++round) {
        auto file = valid;
        for (unsigned change = 0; change < 3; ++change) {
            // 8-byte fields of the program headers, and e_entry and e_phoff.
            std::size_t const fields = (sizeof(Elf64_Phdr) * 2 - 8) / 8;
            std::size_t const pick = random() % (fields + 2);
            std::size_t const at = pick < 2 ? 24 + 8 * pick : 64 + 8 * (pick - 2);
            std::uint64_t const value = extremes[random() % std::size(extremes)];
            std::memcpy(file.data() + at, &value, sizeof value);
        }
        load(file);
    }
}

TEST_CASE("random bytes behind a valid identification never crash the loader") {
    std::mt19937_64 random{7};
    for (unsigned round = 0; round < 20'000; ++round) {
        auto file = valid;
        for (std::size_t i = 16; i < file.size(); ++i) {
            if (random() % 8 == 0) file[i] = static_cast<std::byte>(random());
        }
        load(file);
    }
}

} // namespace elf_corruption_test
