// The small devices of a PC: what kernels read of them, and how kernels end by them.
#include "tests/catch.hpp"

#include <twofold/device/cmos_clock.hpp>
#include <twofold/device/debug_exit.hpp>
#include <twofold/device/fw_cfg.hpp>

#include <chrono>
#include <random>
#include <string>

namespace pc_devices_test {

using namespace twofold;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

unsigned read_clock(CmosClock& clock, std::uint8_t index, std::int64_t seconds = 0) {
    clock.write(CmosClock::index_port, index);
    return clock.read(CmosClock::data_port, seconds);
}

unsigned word_of(CmosClock& clock, std::uint8_t index) {
    return read_clock(clock, index) | read_clock(clock, static_cast<std::uint8_t>(index + 1)) << 8;
}

std::uint64_t item_of(FwCfg& firmware, std::uint16_t item, unsigned bytes) {
    firmware.select(item);
    std::uint64_t value = 0;
    for (unsigned n = 0; n < bytes; ++n)
        value |= std::uint64_t{firmware.read()} << 8 * n;
    return value;
}

} // namespace

TEST_CASE("a date is the one that the standard library's calendar gives") {
    using namespace std::chrono;
    std::mt19937_64 random{1};
    for (int n = 0; n < 20'000; ++n) {
        auto const seconds_since = static_cast<std::int64_t>(random() % 400'000'000'000);
        sys_seconds const when{seconds{seconds_since}};
        auto const day = floor<days>(when);
        year_month_day const date{day};
        hh_mm_ss const time{when - day};
        auto const found = calendar_time(seconds_since);
        REQUIRE(found.year == static_cast<unsigned>(static_cast<int>(date.year())));
        REQUIRE(found.month == static_cast<unsigned>(date.month()));
        REQUIRE(found.day == static_cast<unsigned>(date.day()));
        REQUIRE(found.weekday == weekday{day}.c_encoding());
        REQUIRE(found.hour == static_cast<unsigned>(time.hours().count()));
        REQUIRE(found.minute == static_cast<unsigned>(time.minutes().count()));
        REQUIRE(found.second == static_cast<unsigned>(time.seconds().count()));
    }
}

TEST_CASE(
    "the clock is coded in decimal or in binary, by 24 hours or by 12, as the guest chooses") {
    constexpr std::int64_t time = 1'709'221'959; // Thursday 2024-02-29 15:52:39 UTC
    CmosClock clock{64 * mebibyte, 1};
    CHECK(read_clock(clock, 0, time) == 0x39);
    CHECK(read_clock(clock, 2, time) == 0x52);
    CHECK(read_clock(clock, 4, time) == 0x15);
    CHECK(read_clock(clock, 6, time) == 5);
    CHECK(read_clock(clock, 7, time) == 0x29);
    CHECK(read_clock(clock, 8, time) == 2);
    CHECK(read_clock(clock, 9, time) == 0x24);
    CHECK(read_clock(clock, 0x32, time) == 0x20);
    CHECK(read_clock(clock, 0x8b) == 0x02); // with NMI off
    clock.write(CmosClock::data_port, 0x04);
    CHECK(read_clock(clock, 2, time) == 52);
    CHECK(read_clock(clock, 4, time) == (0x80 | 3));
    CHECK(read_clock(clock, 4, 0) == 12); // midnight
    CHECK(read_clock(clock, 0x0a) == 0);  // never in the middle of an update
    CHECK(read_clock(clock, 0x0d) == 0x80);
}

TEST_CASE("what firmware leaves in CMOS memory is there, and the rest keeps what is written") {
    CmosClock clock{80 * mebibyte, 3};
    CHECK(word_of(clock, 0x15) == 640);
    CHECK(word_of(clock, 0x17) == 0xffff);
    CHECK(word_of(clock, 0x34) == 1024); // 64 MiB above 16, in 64 KiB
    CHECK(read_clock(clock, 0x5f) == 2);
    CmosClock small{16 * mebibyte, 1};
    CHECK(word_of(small, 0x30) == 15 * 1024);
    CHECK(word_of(small, 0x34) == 0);
    clock.write(CmosClock::index_port, 0x0f);
    clock.write(CmosClock::data_port, 0x0a);
    CHECK(read_clock(clock, 0x0f) == 0x0a);
}

TEST_CASE("fw_cfg tells its signature, the memory and the processors, and zeros for all else") {
    FwCfg firmware{80 * mebibyte, 3};
    CHECK(item_of(firmware, FwCfg::signature, 4) == 0x554d4551);
    CHECK(item_of(firmware, FwCfg::interface_version, 4) == 1);
    CHECK(item_of(firmware, FwCfg::memory_bytes, 8) == 80 * mebibyte);
    CHECK(firmware.read() == 0); // behind its end
    CHECK(item_of(firmware, FwCfg::processors, 2) == 3);
    CHECK(item_of(firmware, FwCfg::most_processors, 2) == 3);
    CHECK(item_of(firmware, FwCfg::file_directory, 4) == 0);
    CHECK(item_of(firmware, 0x1234, 8) == 0);
}

TEST_CASE("each debug port ends the guest with that emulator's status, and nothing else does") {
    DebugExit exit;
    CHECK(exit.write(0xf4, 1, 0) == 1);
    CHECK(exit.write(0x501, 4, 0x10) == 33);
    CHECK(exit.write(0xf4, 4, 0xff) == 255);
    CHECK(exit.write(0x604, 2, 0x2000) == 0);
    CHECK(exit.write(0xb004, 2, 0x3c00 | 0x2000) == 0);
    CHECK_FALSE(exit.write(0x604, 2, 1).has_value());
    CHECK_FALSE(exit.write(0x604, 1, 0x20).has_value());
    auto const spelled = [&](std::string const& text) {
        bool ended = false;
        for (char const letter : text)
            ended = exit.write(0x8900, 1, static_cast<std::uint8_t>(letter)).has_value();
        return ended;
    };
    CHECK(spelled("Shutdown"));
    CHECK(spelled("DShutShutdown"));
    CHECK_FALSE(spelled("shutdown"));
    CHECK_FALSE(spelled("Shut down"));
    CHECK_FALSE(DebugExit::has(0x80));
}

} // namespace pc_devices_test
