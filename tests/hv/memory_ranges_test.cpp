#include "catch.hpp"
#include "hv/boot/memory_ranges.hpp"

#include <algorithm>
#include <bitset>
#include <random>
#include <vector>

namespace memory_ranges_test {

namespace {

using namespace twofold;
using namespace twofold::hv;

constexpr MemoryRange range(std::uint64_t begin, std::uint64_t end) {
    return {Hpa{begin}, Hpa{end}};
}

std::vector<MemoryRange> list(MemoryRanges const& ranges) {
    return {ranges.all().begin(), ranges.all().end()};
}

/// The law of MemoryRanges: in order, none empty, none touching the next.
bool well_formed(MemoryRanges const& ranges) {
    auto const all = ranges.all();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].empty()) return false;
        if (i > 0 && all[i - 1].end >= all[i].begin) return false;
    }
    return true;
}

} // namespace

TEST_CASE("ranges that overlap or touch become one, in whatever order they come") {
    MemoryRanges ranges;
    ranges.add(range(30, 40));
    ranges.add(range(10, 20));
    ranges.add(range(20, 25));
    ranges.add(range(35, 50));
    CHECK(list(ranges) == std::vector{range(10, 25), range(30, 50)});
    ranges.add(range(0, 100));
    CHECK(list(ranges) == std::vector{range(0, 100)});
}

TEST_CASE("an empty or inverted range changes nothing") {
    MemoryRanges ranges;
    ranges.add(range(10, 20));
    ranges.add(range(15, 15));
    ranges.add(range(90, 80));
    ranges.remove(range(15, 15));
    ranges.remove(range(18, 12));
    CHECK(list(ranges) == std::vector{range(10, 20)});
}

TEST_CASE("removing cuts, splits and erases") {
    MemoryRanges ranges;
    ranges.add(range(10, 20));
    ranges.add(range(30, 40));
    ranges.add(range(50, 60));
    ranges.remove(range(15, 32));
    ranges.remove(range(34, 36));
    ranges.remove(range(50, 60));
    CHECK(list(ranges) == std::vector{range(10, 15), range(32, 34), range(36, 40)});
}

TEST_CASE("a set holds what lies in one of its ranges whole") {
    MemoryRanges ranges;
    ranges.add(range(10, 20));
    ranges.add(range(30, 40));
    CHECK(ranges.hold(range(10, 20)));
    CHECK(ranges.hold(range(33, 34)));
    CHECK(ranges.hold(range(25, 25)));
    CHECK_FALSE(ranges.hold(range(9, 11)));
    CHECK_FALSE(ranges.hold(range(15, 35)));
    CHECK(ranges.bytes() == 20);
}

TEST_CASE("only whole frames are kept, rounded inwards") {
    MemoryRanges ranges;
    ranges.add(range(0x1001, 0x4fff));
    ranges.add(range(0x5800, 0x6800));
    ranges.add(range(0x8000, 0x9000));
    ranges.keep_whole_frames();
    CHECK(list(ranges) == std::vector{range(0x2000, 0x4000), range(0x8000, 0x9000)});
}

TEST_CASE("a full set gives up its smallest range, never more, and invents none") {
    MemoryRanges ranges;
    for (std::uint64_t i = 0; i < MemoryRanges::capacity; ++i)
        ranges.add(range(i * 1000, i * 1000 + 10 + i));
    ranges.add(range(500'000, 500'005)); // smaller than all: not worth a place
    CHECK(ranges.all().size() == MemoryRanges::capacity);
    CHECK_FALSE(ranges.hold(range(500'000, 500'005)));
    CHECK(ranges.hold(range(0, 10)));

    ranges.add(range(500'000, 500'050));
    CHECK(ranges.all().size() == MemoryRanges::capacity);
    CHECK(ranges.hold(range(500'000, 500'050)));
    CHECK_FALSE(ranges.hold(range(0, 10)));

    ranges.remove(range(500'020, 500'025)); // splits: the smaller part finds no place
    CHECK(ranges.all().size() == MemoryRanges::capacity);
    CHECK(well_formed(ranges));
    CHECK_FALSE(ranges.hold(range(500'020, 500'021)));
}

TEST_CASE("any sequence of adds and removes holds exactly the addresses that a bitmap holds") {
    constexpr std::size_t addresses = 200;
    std::mt19937 random{1};
    for (int round = 0; round < 200; ++round) {
        MemoryRanges ranges;
        std::bitset<addresses> bitmap;
        for (int step = 0; step < 40; ++step) {
            std::uint64_t const begin = random() % addresses;
            std::uint64_t const end = begin + random() % (addresses - begin + 1);
            bool const adds = random() % 2 == 0;
            adds ? ranges.add(range(begin, end)) : ranges.remove(range(begin, end));
            for (std::uint64_t at = begin; at < end; ++at)
                bitmap[at] = adds;
        }
        REQUIRE(well_formed(ranges));
        REQUIRE(ranges.bytes() == bitmap.count());
        for (std::size_t at = 0; at < addresses; ++at)
            REQUIRE(ranges.hold(range(at, at + 1)) == bitmap[at]);
    }
}

} // namespace memory_ranges_test
