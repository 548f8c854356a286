#include "catch.hpp"

#include <twofold/load/placement.hpp>

#include <random>
#include <vector>

namespace placement_test {

using namespace twofold;

namespace {

constexpr std::uint64_t mib = 1 << 20;

} // namespace

TEST_CASE("the memory map ascends, ends with memory, and offers all but the reserved ranges") {
    for (std::uint64_t const bytes :
         {std::uint64_t{4096}, mib / 2, mib, 64 * mib, std::uint64_t{0xfec0'0000}, 8192 * mib}) {
        PcMemoryMap const map{bytes};
        std::uint64_t available = 0;
        Gpa last;
        for (MemoryRange const& range : map.ranges()) {
            CHECK(range.begin >= last);
            CHECK(range.bytes > 0);
            last = range.end();
            if (range.type != MemoryRangeType::available) continue;
            available += range.bytes;
            CHECK(range.end().value() <= bytes);
        }
        std::uint64_t const low_hole = pc::extended_begin - pc::conventional_end;
        std::uint64_t const high_hole = pc::devices_end - pc::devices_begin;
        std::uint64_t const lost =
            (bytes >= mib ? low_hole : 0) + (bytes > pc::devices_end ? high_hole : 0);
        CHECK(available == bytes - lost);
    }
}

TEST_CASE("nothing is placed over anything else, nor outside of where it was wanted") {
    std::mt19937_64 random{3};
    for (unsigned round = 0; round < 300; ++round) {
        Placement placement{PcMemoryMap{4 * mib}};
        std::vector<GpaRange> placed{{Gpa{pc::conventional_end}, mib - pc::conventional_end}};
        while (placed.size() < 40) {
            std::uint64_t const bytes = 1 + random() % 100'000;
            std::uint64_t const alignment = std::uint64_t{1} << random() % 13;
            GpaRange const within{Gpa{random() % mib}, 2 * mib};
            auto const found = random() % 2 == 0 ? placement.lowest(bytes, alignment, within)
                                                 : placement.highest(bytes, alignment, within);
            if (!found) break;
            GpaRange const range{*found, bytes};
            REQUIRE(found->is_aligned(alignment));
            REQUIRE((range.begin >= within.begin && range.end() <= within.end()));
            for (GpaRange const& other : placed)
                REQUIRE_FALSE(range.overlaps(other));
            placed.push_back(range);
        }
    }
}

TEST_CASE("the lowest and the highest room are the lowest and the highest") {
    Placement placement{PcMemoryMap{4 * mib}};
    placement.take({Gpa{0x20'0000}, 0x1000});
    GpaRange const within{Gpa{mib}, 3 * mib};
    CHECK(placement.lowest(0x1000, 4096, within) == Gpa{mib});
    CHECK(placement.lowest(mib, 4096, within) == Gpa{0x20'1000});
    CHECK(placement.highest(0x1000, 4096, within) == Gpa{4 * mib - 0x1000});
    CHECK_FALSE(placement.lowest(2 * mib, 4096, within));
}

TEST_CASE("when more is taken than can be remembered, there is no room") {
    Placement placement{PcMemoryMap{4 * mib}};
    for (unsigned i = 0; i < Placement::most_taken; ++i)
        placement.take({Gpa{0x1000 + i * 16}, 16});
    CHECK_FALSE(placement.lowest(1, 1, {Gpa{2 * mib}, mib}));
}

} // namespace placement_test
