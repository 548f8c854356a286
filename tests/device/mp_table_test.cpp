// The table of processors, as a kernel goes through it.
#include "tests/catch.hpp"

#include <twofold/device/mp_table.hpp>

#include <cstring>
#include <map>
#include <string>

namespace mp_table_test {

using namespace twofold;

namespace {

std::uint8_t sum_of(std::span<std::byte const> bytes) {
    std::uint8_t sum = 0;
    for (auto const byte : bytes)
        sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(byte));
    return sum;
}

std::uint32_t number(std::span<std::byte const> bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    std::memcpy(&value, &bytes[at], count);
    return value;
}

std::string text(std::span<std::byte const> bytes, std::size_t at, std::size_t count) {
    return {reinterpret_cast<char const*>(&bytes[at]), count};
}

} // namespace

TEST_CASE(
    "the table is whole, and names each processor once and each line to the pin of its name") {
    unsigned const processors = GENERATE(1U, 2U, 7U, MpTable::most_processors);
    MpTable const made{processors};
    auto const pointer = made.bytes().first(16);
    auto const table = made.bytes().subspan(16);
    CHECK(text(pointer, 0, 4) == "_MP_");
    CHECK(sum_of(pointer) == 0);
    CHECK(number(pointer, 4, 4) == MpTable::place.value() + 16);
    CHECK(text(table, 0, 4) == "PCMP");
    CHECK(sum_of(table) == 0);
    REQUIRE(number(table, 4, 2) == table.size());
    CHECK(number(table, 36, 4) == 0xfee0'0000);

    std::size_t at = 44;
    std::map<unsigned, unsigned> entries;
    unsigned starting = 0;
    for (std::uint32_t left = number(table, 34, 2); left > 0; --left) {
        auto const kind = number(table, at, 1);
        unsigned const before = entries[kind]++;
        if (kind == 0) {
            CHECK(number(table, at + 1, 1) == before); // its local APIC
            CHECK((number(table, at + 3, 1) & 1) == 1);
            if ((number(table, at + 3, 1) & 2) != 0) ++starting;
        } else if (kind == 1) {
            CHECK(text(table, at + 2, 6) == "ISA   ");
        } else if (kind == 2) {
            CHECK(number(table, at + 1, 1) == processors);
            CHECK(number(table, at + 3, 1) == 1);
            CHECK(number(table, at + 4, 4) == 0xfec0'0000);
        } else if (kind == 3) {
            CHECK(number(table, at + 5, 1) == before);
            CHECK(number(table, at + 6, 1) == processors);
            CHECK(number(table, at + 7, 1) == before);
        }
        at += kind == 0 ? 20 : 8;
    }
    CHECK(at == table.size());
    CHECK(starting == 1);
    CHECK(entries ==
          std::map<unsigned, unsigned>{{0, processors}, {1, 1}, {2, 1}, {3, 16}, {4, 2}});
}

} // namespace mp_table_test
