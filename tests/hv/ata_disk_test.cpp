// The ATA driver, and pages over it, against a channel that misbehaves on demand.
#include "catch.hpp"
#include "hv/device/prove_disk.hpp"
#include "hv/device/swap_disk.hpp"
#include "support/fake_ata_bus.hpp"

#include <algorithm>
#include <string>

namespace ata_disk_test {

using namespace twofold;
using namespace twofold::hv;
using namespace twofold::test;

namespace {

using Disk = AtaDisk<FakeAtaBus>;
using enum AtaError::Kind;

Disk disk_on(FakeAtaDisk& fake) { return Disk{FakeAtaBus{fake}, first_channel_second_disk}; }
Disk identified(FakeAtaDisk& fake) {
    Disk disk = disk_on(fake);
    REQUIRE(disk.identify());
    return disk;
}

std::vector<std::byte> pattern(std::size_t bytes) {
    std::vector<std::byte> made(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        made[i] = static_cast<std::byte>(i * 7 + i / 512);
    return made;
}

std::string text_of(AtaError const& error) {
    std::string text;
    auto const sink = [&](std::string_view piece) { text += piece; };
    describe(error, sink);
    return text;
}

} // namespace

TEST_CASE("what was written to any sectors is read from them, and lies there in order") {
    FakeAtaDisk fake;
    Disk disk = identified(fake);
    CHECK(disk.sectors() == 4096);
    CHECK((fake.control & 0x02) != 0); // no interrupts
    auto const bytes = pattern(8 * 512);
    REQUIRE(disk.write(16, bytes));
    CHECK(std::ranges::equal(bytes, std::span{fake.contents}.subspan(16 * 512, bytes.size())));
    std::vector<std::byte> back(bytes.size());
    REQUIRE(disk.read(16, back));
    CHECK(back == bytes);
    CHECK(fake.commands == std::vector<std::uint8_t>{0xec, 0x30, 0x20});
}

TEST_CASE("256 sectors go by one command, and none or more are refused before anything is asked") {
    FakeAtaDisk fake{.contents = std::vector<std::byte>(256 * 512)};
    Disk disk = identified(fake);
    auto const bytes = pattern(256 * 512);
    REQUIRE(disk.write(0, bytes));
    CHECK(fake.contents == bytes);
    fake.commands.clear();
    CHECK(disk.write(0, {}).error().kind == beyond_end);
    CHECK(disk.write(0, pattern(257 * 512)).error().kind == beyond_end);
    CHECK(fake.commands.empty());
}

TEST_CASE("sectors behind 128 GiB are reached by long addresses, and only these") {
    constexpr std::uint64_t edge = 1U << 28;
    FakeAtaDisk fake{.sectors = (std::uint64_t{1} << 40) + 64,
                     .contents = std::vector<std::byte>(64 * 512)};
    Disk disk = identified(fake);
    CHECK(disk.sectors() == fake.sectors);
    auto const bytes = pattern(512);
    for (std::uint64_t const sector : {edge - 1, edge, (std::uint64_t{1} << 40) + 63}) {
        INFO(sector);
        fake.commands.clear();
        REQUIRE(disk.write(sector, bytes));
        CHECK(fake.commands.back() == (sector < edge ? 0x30 : 0x34));
        auto const place = sector % 64 * 512;
        CHECK(std::ranges::equal(bytes, std::span{fake.contents}.subspan(place, 512)));
        std::ranges::fill(fake.contents, std::byte{0});
    }
    // The command that crosses the edge counts as behind it.
    REQUIRE(disk.read(edge - 1, std::span{fake.contents}.first(1024)));
    CHECK(fake.commands.back() == 0x24);
}

TEST_CASE("no sector behind the last one is asked for") {
    FakeAtaDisk fake{.sectors = 100, .long_addresses = false};
    Disk disk = identified(fake);
    CHECK(disk.sectors() == 100);
    std::vector<std::byte> two(1024);
    CHECK(disk.read(98, two));
    CHECK(disk.read(99, two).error().kind == beyond_end);
    CHECK(disk.read(~std::uint64_t{0}, two).error().kind == beyond_end);
}

TEST_CASE("an empty place, an optical drive and a disk without block addresses are told apart") {
    auto const kind_of = [](FakeAtaDisk fake) {
        Disk disk = disk_on(fake);
        auto const found = disk.identify();
        REQUIRE_FALSE(found);
        CHECK(disk.sectors() == 0);
        CHECK(text_of(found.error()).starts_with("IDENTIFY DEVICE: "));
        return found.error().kind;
    };
    CHECK(kind_of({.only_status = 0xff}) == absent);
    CHECK(kind_of({.only_status = 0x00}) == absent);
    CHECK(kind_of({.deaf = true}) == absent);
    CHECK(kind_of({.packet_device = true}) == not_a_disk);
    CHECK(kind_of({.block_addresses = false}) == no_block_addresses);
    CHECK(kind_of({.busy_looks = ~std::uint32_t{0}}) == stuck);
    CHECK(kind_of({.only_status = 0x80}) == stuck);
}

TEST_CASE("an error in the middle of a transfer is named with its sector and registers") {
    struct Case {
        std::uint8_t status;
        std::uint8_t error;
        AtaError::Kind kind;
        char const* text;
    };
    auto const [status, error, kind, text] = GENERATE(
        Case{0x51, 0x40, refused,
             "reading sector 8: the sector can't be read without errors (status 0x51, error 0x40)"},
        Case{0x51, 0x10, refused,
             "reading sector 8: there is no such sector (status 0x51, error 0x10)"},
        Case{0x51, 0x04, refused,
             "reading sector 8: the command was aborted (status 0x51, error 0x4)"},
        Case{0x51, 0x80, refused,
             "reading sector 8: the data were damaged on their way (status 0x51, error 0x80)"},
        Case{0x71, 0x00, device_fault,
             "reading sector 8: the disk reports a fault of its own (status 0x71, error 0x0)"},
        Case{0x50, 0x00, no_data_request,
             "reading sector 8: the disk took the command and did nothing (status 0x50, error "
             "0x0)"});
    FakeAtaDisk fake{.bad_sector = 11, .bad_status = status, .bad_error = error};
    Disk disk = identified(fake);
    std::vector<std::byte> page(4096);
    auto const done = disk.read(8, page);
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == kind);
    CHECK(text_of(done.error()) == text);
    CHECK(disk.read(16, page)); // the next command is unharmed
    CHECK(disk.write(8, page).error().command == AtaError::Command::write);
}

TEST_CASE("a disk that stays busy is given up after a bounded number of looks") {
    FakeAtaDisk fake;
    Disk disk = identified(fake);
    fake.busy_looks = ~std::uint32_t{0};
    fake.looks = 0;
    std::vector<std::byte> sector(512);
    CHECK(disk.read(0, sector).error().kind == stuck);
    CHECK(fake.looks >= Disk::most_polls);
    CHECK(fake.looks <= Disk::most_polls + 100);
}

TEST_CASE("each slot of the swap disk is eight sectors of its own") {
    FakeAtaDisk fake;
    SwapDisk swap{identified(fake)};
    alignas(4096) std::array<std::byte, 4096> page{};
    Hpa const frame{reinterpret_cast<std::uint64_t>(page.data())};
    for (std::uint32_t slot = 0; slot < 8; ++slot) {
        page.fill(static_cast<std::byte>(slot + 1));
        REQUIRE(swap.write_page({slot}, frame));
    }
    for (std::uint32_t slot = 8; slot-- > 0;) {
        REQUIRE(swap.read_page({slot}, frame));
        CHECK(std::ranges::all_of(
            page, [&](std::byte b) { return b == static_cast<std::byte>(slot + 1); }));
    }
    CHECK(swap.pages_written() == 8);
    CHECK(swap.pages_read() == 8);
    CHECK_FALSE(swap.error());
}

TEST_CASE("after an error nothing is written to the swap disk, and what is on it is still read") {
    FakeAtaDisk fake{.bad_sector = 24};
    SwapDisk swap{identified(fake)};
    alignas(4096) std::array<std::byte, 4096> page{};
    Hpa const frame{reinterpret_cast<std::uint64_t>(page.data())};
    page.fill(std::byte{5});
    REQUIRE(swap.write_page({0}, frame));
    CHECK_FALSE(swap.write_page({3}, frame));
    CHECK(swap.error()->sector == 24);
    auto const commands = fake.commands.size();
    CHECK_FALSE(swap.write_page({1}, frame));
    CHECK(fake.commands.size() == commands);
    page.fill(std::byte{0});
    REQUIRE(swap.read_page({0}, frame));
    CHECK(page[4095] == std::byte{5});
    CHECK(swap.pages_written() == 1);
}

TEST_CASE("a disk is proven by its first and its last page, and they are the only ones written") {
    FakeAtaDisk fake{.sectors = 64};
    Disk disk = identified(fake);
    std::vector<std::byte> page(4096);
    CHECK(prove_ends(disk, 8, page) == 2U);
    CHECK(fake.commands == std::vector<std::uint8_t>{0xec, 0x30, 0x30, 0x20, 0x20});
    auto const is_zero = [](std::byte b) { return b == std::byte{0}; };
    std::span const contents{fake.contents};
    CHECK(std::ranges::all_of(contents.subspan(4096, 6UL * 4096), is_zero));
    CHECK_FALSE(std::ranges::equal(contents.first(4096), contents.last(4096)));
    fake.commands.clear();
    CHECK(prove_ends(disk, 1, page) == 1U);
    CHECK(fake.commands == std::vector<std::uint8_t>{0x30, 0x20});
}

TEST_CASE("a disk that fails at either end, or on which both ends are one place, is not proven") {
    std::vector<std::byte> page(4096);
    auto const error_of = [&](FakeAtaDisk fake, std::uint64_t pages) {
        Disk disk = identified(fake);
        auto const proven = prove_ends(disk, pages, page);
        REQUIRE_FALSE(proven);
        return text_of(proven.error());
    };
    CHECK(error_of({.sectors = 64, .bad_sector = 3}, 8).starts_with("writing sector 0: "));
    CHECK(error_of({.sectors = 64, .bad_sector = 63}, 8).starts_with("writing sector 56: "));
    CHECK(error_of({.sectors = 63}, 8).starts_with("writing sector 56: the disk ends before"));
    // Its contents repeat after 64 sectors.
    CHECK(error_of({.sectors = 72}, 9) ==
          "reading sector 0: other bytes came back than were written there");
}

} // namespace ata_disk_test
