#include "catch.hpp"
#include "support/elf_file.hpp"
#include "support/flat_guest_memory.hpp"

#include <twofold/load/load_raw.hpp>

namespace load_raw_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;
auto const file = bytes_of(300, 1);

LoadError error_of(RawPlace const& place, std::uint64_t memory_bytes = 2 * mib) {
    FlatGuestMemory memory{2 * mib};
    auto const loaded = load_raw(file, place, {.memory_bytes = memory_bytes}, memory);
    REQUIRE_FALSE(loaded);
    CHECK(memory.accesses() == 0);
    return loaded.error().error;
}

} // namespace

TEST_CASE(
    "a raw image in real mode starts at its address by CS and IP, and nothing else is written") {
    FlatGuestMemory memory{2 * mib};
    auto const state = load_raw(file, {Gpa{0x7c05}}, {.memory_bytes = 2 * mib}, memory);
    REQUIRE(state);
    CHECK(state->mode == ProcessorMode::real);
    CHECK(state->code.selector == 0x7c0);
    CHECK(state->code.base + state->rip == 0x7c05);
    CHECK(state->code.base == std::uint64_t{state->code.selector} * 16);
    CHECK(state->idt.limit == 0x3ff);
    CHECK((state->cr0 & cr0::protection_enable) == 0);
    auto const placed = memory.at(Gpa{0x7c05}, file.size());
    CHECK(std::ranges::equal(placed, file));
    CHECK(memory.accesses() == 1);
}

TEST_CASE(
    "a raw image in protected and in 64-bit mode has a GDT, and page tables where they count") {
    for (auto const mode : {ProcessorMode::protected_32, ProcessorMode::long_64}) {
        FlatGuestMemory memory{2 * mib};
        auto const state =
            load_raw(file, {Gpa{0x10'0000}, mode}, {.memory_bytes = 2 * mib}, memory);
        REQUIRE(state);
        CHECK(state->rip == 0x10'0000);
        CHECK(state->mode == mode);
        CHECK(memory.get<std::uint64_t>(Gpa{state->gdt.base + 8}) == state->code.descriptor());
        CHECK((state->cr3 != 0) == (mode == ProcessorMode::long_64));
        if (state->cr3 != 0) CHECK((memory.get<std::uint64_t>(Gpa{state->cr3}) & 3) == 3);
    }
}

TEST_CASE("a raw image may fill memory to its last byte, and not one more") {
    FlatGuestMemory memory{2 * mib};
    CHECK(load_raw(file, {Gpa{2 * mib - 300}, ProcessorMode::protected_32},
                   {.memory_bytes = 2 * mib}, memory));
    CHECK(error_of({Gpa{2 * mib - 299}, ProcessorMode::protected_32}) ==
          LoadError{.kind = LoadErrorKind::raw_outside_memory,
                    .found = 2 * mib + 1,
                    .expected = 2 * mib});
}

TEST_CASE("an address that the mode cannot reach, and an empty file, are refused") {
    CHECK(error_of({Gpa{1 * mib}}) == LoadError{.kind = LoadErrorKind::raw_address_too_high,
                                                .found = 1 * mib,
                                                .expected = 1 * mib});
    CHECK(error_of({Gpa{~std::uint64_t{0}}, ProcessorMode::long_64}).kind ==
          LoadErrorKind::raw_address_too_high);
    FlatGuestMemory memory{2 * mib};
    auto const empty = load_raw({}, {Gpa{0}}, {.memory_bytes = 2 * mib}, memory);
    REQUIRE_FALSE(empty);
    CHECK(empty.error().error.kind == LoadErrorKind::empty_file);
}

} // namespace load_raw_test
