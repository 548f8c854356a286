#include "catch.hpp"
#include "hv/boot/identity_map.hpp"
#include "support/recording_memory.hpp"
#include "support/table_allocator.hpp"

#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <vector>

namespace identity_map_test {

namespace {

using namespace twofold;
using namespace twofold::hv;

constexpr MemoryRange range(std::uint64_t begin, std::uint64_t end) {
    return {Hpa{begin}, Hpa{end}};
}

constexpr ImageSections image{Hpa{0x100000}, Hpa{0x106000}, Hpa{0x108000}, Hpa{0x10a000}};

/// A machine with 128 MiB, and 2 GiB beyond the 4 GiB line.
constexpr MemoryRanges machine_memory() {
    MemoryRanges memory;
    memory.add(range(0, 0x9f000));
    memory.add(range(0x100000, 0x7ff0000));
    memory.add(range(0x1'0000'0000, 0x1'8000'0000));
    return memory;
}

constexpr bool never_writable_and_executable(MappedRegions const& regions) {
    return std::ranges::none_of(regions.all(), [](MappedRegion const& region) {
        return region.permissions.write && region.permissions.execute;
    });
}
static_assert(never_writable_and_executable(MappedRegions{machine_memory(), image}));

} // namespace

TEST_CASE("no region is both writable and executable") {
    MappedRegions const regions{machine_memory(), image};
    CHECK(never_writable_and_executable(regions));
}

TEST_CASE("only the hypervisor's text is executable, and its constants cannot be written") {
    MappedRegions const regions{machine_memory(), image};
    for (MappedRegion const& region : regions.all()) {
        CHECK(region.permissions.execute == (region.range == range(0x100000, 0x106000)));
        CHECK(region.permissions.write == !range(0x100000, 0x108000).holds(region.range));
        CHECK(region.permissions.read);
        CHECK_FALSE(region.permissions.user);
    }
}

TEST_CASE("regions cover all memory but the guards, once, and nothing else") {
    MemoryRanges covered;
    std::uint64_t bytes = 0;
    MappedRegions const regions{machine_memory(), image};
    for (MappedRegion const& region : regions.all()) {
        covered.add(region.range);
        bytes += region.range.bytes();
    }
    MemoryRanges expected = machine_memory();
    for (MemoryRange const& guard : guards)
        expected.remove(guard);
    CHECK(std::ranges::equal(covered.all(), expected.all()));
    CHECK(bytes == covered.bytes());
}

TEST_CASE("the first page and the page below each stack are guards") {
    for (std::uint64_t const unmapped :
         {std::uint64_t{0}, std::uint64_t{MAIN_STACK_GUARD},
          std::uint64_t{DOUBLE_FAULT_STACK_GUARD}, std::uint64_t{NMI_STACK_GUARD},
          std::uint64_t{MACHINE_CHECK_STACK_GUARD}}) {
        CHECK(std::ranges::count(guards, range(unmapped, unmapped + 4096)) == 1);
    }
}

TEST_CASE("each address leads to itself, with its region's permissions, and guards to nothing") {
    HostPaging format;
    format.pages_1g = GENERATE(true, false);
    test::RecordingMemory memory;
    test::TableFrames<Hpa> tables{memory};
    MappedRegions const regions{machine_memory(), image};
    auto const root = map_to_themselves(format, regions.all(), memory, tables);
    REQUIRE(root);

    auto const look = [&](Hpa at) { return walk(format, *root, Hva{at.value()}, memory); };
    for (MappedRegion const& region : regions.all()) {
        for (Hpa const at : {region.range.begin, Hpa{region.range.end.value() - 1},
                             Hpa{(region.range.begin.value() + region.range.end.value()) / 2}}) {
            auto const found = look(at);
            REQUIRE(found);
            CHECK(found->address == at);
            CHECK(found->permissions.write == region.permissions.write);
            CHECK(found->permissions.execute == region.permissions.execute);
        }
    }
    for (MemoryRange const& guard : guards)
        CHECK_FALSE(look(guard.begin));
    CHECK_FALSE(look(Hpa{0x7ff0000}));
    CHECK_FALSE(look(Hpa{0xa0000}));
    CHECK_FALSE(look(Hpa{0x1'8000'0000}));
}

TEST_CASE("the largest pages are used that fit") {
    HostPaging format;
    test::RecordingMemory memory;
    test::TableFrames<Hpa> tables{memory};
    std::vector const regions{MappedRegion{range(0x3fe00000 - 0x1000, 0x1'0000'0000), read_write}};
    auto const root = map_to_themselves(format, regions, memory, tables);
    REQUIRE(root);
    auto const size_at = [&](std::uint64_t at) {
        return walk(format, *root, Hva{at}, memory)->page_size;
    };
    CHECK(size_at(0x3fdff000) == page_4k);
    CHECK(size_at(0x3fe00000) == page_2m);
    CHECK(size_at(0x40000000) == page_1g);
    CHECK(size_at(0xc0000000) == page_1g);
    CHECK(tables.live() == 4);
}

TEST_CASE("out of frames is an answer") {
    MappedRegions const regions{machine_memory(), image};
    for (std::uint64_t const frames : {0U, 1U, 2U, 3U, 4U}) {
        test::RecordingMemory memory;
        test::TableFrames<Hpa> tables{memory};
        tables.run_out_after(frames);
        CHECK(map_to_themselves(HostPaging{}, regions.all(), memory, tables) ==
              std::unexpected(MapError::out_of_frames));
    }
}

} // namespace identity_map_test
