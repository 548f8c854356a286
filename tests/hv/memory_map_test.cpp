#include "catch.hpp"
#include "hv/boot/early_memory.hpp"
#include "hv/boot/memory_map.hpp"

#include <random>
#include <vector>

namespace memory_map_test {

namespace {

using namespace twofold;
using namespace twofold::hv;

using Entries = std::vector<FirmwareMemoryEntry>;

constexpr std::uint64_t top = ~std::uint64_t{0};

FirmwareMemoryEntry usable(std::uint64_t begin, std::uint64_t bytes) {
    return {begin, bytes, FirmwareMemoryEntry::usable, 1};
}
FirmwareMemoryEntry reserved(std::uint64_t begin, std::uint64_t bytes, std::uint32_t type = 2) {
    return {begin, bytes, type, 1};
}

constexpr MemoryRange range(std::uint64_t begin, std::uint64_t end) {
    return {Hpa{begin}, Hpa{end}};
}

std::vector<MemoryRange> usable_ranges(Entries const& entries) {
    auto const memory = usable_memory(entries);
    return {memory.all().begin(), memory.all().end()};
}

} // namespace

TEST_CASE("the map of an ordinary machine comes out as its usable entries") {
    CHECK(usable_ranges({usable(0, 0x9fc00), reserved(0x9fc00, 0x400), reserved(0xe8000, 0x18000),
                         usable(0x100000, 0x7ef0000), reserved(0x7ff0000, 0x10000, 3),
                         reserved(0xfffc0000, 0x40000)}) ==
          std::vector{range(0, 0x9f000), range(0x100000, 0x7ff0000)});
}

TEST_CASE("entries out of order that touch make one range") {
    CHECK(usable_ranges({usable(0x3000, 0x1000), usable(0x1000, 0x1000), usable(0x2000, 0x1000)}) ==
          std::vector{range(0x1000, 0x4000)});
}

TEST_CASE("frames are cut after the union: halves of a frame in two entries make a frame") {
    CHECK(usable_ranges({usable(0x1000, 0x1800), usable(0x2800, 0x1800)}) ==
          std::vector{range(0x1000, 0x4000)});
}

TEST_CASE("what any entry does not call usable is not, whichever comes first") {
    auto const expected = std::vector{range(0x1000, 0x4000), range(0x6000, 0x8000)};
    CHECK(usable_ranges({usable(0x1000, 0x7000), reserved(0x4800, 0x1000)}) == expected);
    CHECK(usable_ranges({reserved(0x4800, 0x1000), usable(0x1000, 0x7000)}) == expected);
    CHECK(usable_ranges({usable(0x1000, 0x7000), reserved(0x4800, 0x1000, 0xffff'ffff)}) ==
          expected);
}

TEST_CASE("entries of zero length and ignored entries do not count") {
    CHECK(usable_ranges({usable(0x1000, 0),
                         usable(0x5000, 0x1000),
                         reserved(0x5800, 0),
                         {0x8000, 0x1000, FirmwareMemoryEntry::usable, 0},
                         {0x5000, 0x1000, 2, 0}}) == std::vector{range(0x5000, 0x6000)});
}

TEST_CASE("an entry that claims to reach beyond the address space reaches its end only") {
    CHECK(usable_ranges({usable(0x1000, top)}) == std::vector{range(0x1000, most_memory.value())});
    CHECK(usable_ranges({usable(top - 10, top)}).empty());
    CHECK(usable_ranges({usable(0x1000, 0x9000), reserved(0x4000, top)}) ==
          std::vector{range(0x1000, 0x4000)});
    CHECK(usable_ranges({usable(0x1000, 0x9000), reserved(0, top)}).empty());
}

TEST_CASE("no entry, no memory") { CHECK(usable_ranges({}).empty()); }

TEST_CASE("more entries than there are places lose memory, and nothing else") {
    Entries entries;
    for (std::uint64_t i = 0; i < 300; ++i)
        entries.push_back(usable(0x10000 * i, 0x2000));
    entries.push_back(reserved(0x10000 * 7, 0x1000));
    auto const memory = usable_memory(entries);
    CHECK(memory.all().size() == MemoryRanges::capacity);
    CHECK(std::ranges::all_of(memory.all(), [](MemoryRange const& one) {
        return one.bytes() <= 0x2000 && one.begin.offset_in(0x10000) + one.bytes() == 0x2000;
    }));
    CHECK_FALSE(memory.hold(range(0x70000, 0x71000)));
}

TEST_CASE("whatever the firmware says, usable frames are aligned, apart and never reserved") {
    std::mt19937_64 random{7};
    auto const number = [&] { return random() >> (random() % 64); };
    for (int round = 0; round < 500; ++round) {
        Entries entries;
        for (int i = 0; i < 40; ++i) {
            entries.push_back({number(), number(), static_cast<std::uint32_t>(random() % 3),
                               static_cast<std::uint32_t>(random() % 4)});
        }
        Hpa last;
        for (MemoryRange const& one : usable_ranges(entries)) {
            REQUIRE(!one.empty());
            REQUIRE(one.begin.is_aligned(4096));
            REQUIRE(one.end.is_aligned(4096));
            REQUIRE(one.begin >= last);
            last = one.end;
            for (auto const& entry : entries) {
                bool const counts = !entry.ignored() && entry.type != FirmwareMemoryEntry::usable;
                REQUIRE_FALSE((counts && one.overlaps(range_of(entry))));
            }
        }
    }
}

TEST_CASE("early memory comes from the highest range below 4 GiB, and is not given twice") {
    MemoryRanges ranges;
    ranges.add(range(0x100000, 0x200000));
    ranges.add(range(0x300000, 0x304000));
    ranges.add(range(0x1'0000'0000, 0x2'0000'0000));
    EarlyMemory memory{ranges};
    CHECK(memory.allocate(1) == Hpa{0x303000});
    CHECK(memory.allocate(0x3000) == Hpa{0x300000});
    CHECK(memory.allocate(0x1001) == Hpa{0x1fe000});
    CHECK(memory.allocate(0x2000, 0x10000) == Hpa{0x1f0000});
    CHECK(memory.left().hold(range(0x1f2000, 0x1fe000)));
    CHECK_FALSE(memory.left().hold(range(0x1f0000, 0x1f1000)));
    CHECK(memory.allocate(0x100000) == std::nullopt);
    CHECK(memory.allocate(0) == std::nullopt);
    CHECK(memory.allocate(top) == std::nullopt);
}

TEST_CASE("early memory out of a range across 4 GiB lies below") {
    MemoryRanges ranges;
    ranges.add(range(0xffff'0000, 0x2'0000'0000));
    EarlyMemory memory{ranges};
    CHECK(memory.allocate(0x1000) == Hpa{0xffff'f000});
}

} // namespace memory_map_test
