#include "catch.hpp"
#include "support/space_world.hpp"

#include <cstdint>
#include <set>
#include <vector>

namespace missed_write_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// By each means the reason for which a translation that allowed the last write must go.
struct Case {
    DirtyMeans means;
    Duty::Reason reason;
};
constexpr Case cases[] = {
    {DirtyMeans::write_protection, Duty::Reason::permission_removed},
    {DirtyMeans::dirty_bits, Duty::Reason::accessed_or_dirty_cleared},
    {DirtyMeans::page_modification_log, Duty::Reason::accessed_or_dirty_cleared},
};

struct Collected {
    std::set<std::uint64_t> pages;
    Duty duty;
};

Collected collect(SpaceWorld& world, TestSpace& guest) {
    world.mmu.drain();
    Collected result;
    result.duty = guest.collect_dirty([&](Gpa gpa) { result.pages.insert(gpa.value() >> 12); });
    return result;
}

} // namespace

TEST_CASE("a collection asks for the invalidation without which the next write is missed") {
    for (auto const& [means, reason] : cases) {
        CAPTURE(static_cast<int>(means));
        SpaceWorld world;
        auto& guest = world.space(2 * mib);
        std::vector<std::uint64_t> words(DirtyLog::words_for(2 * mib));
        DirtyLog log{words};
        world.mmu.accessed_dirty = means != DirtyMeans::write_protection;
        if (means == DirtyMeans::page_modification_log) {
            world.mmu.log_page = Hpa{std::uint64_t{1} << 40};
            world.mmu.log = &log;
        }
        REQUIRE(guest.start_logging(log, means));
        world.put(guest, 0x1000, 1);
        auto const first = collect(world, guest);
        CHECK(first.pages == std::set<std::uint64_t>{1});
        CHECK(first.duty.has(reason));

        // A processor that has kept its translation goes by it: no violation, no D bit to be set.
        world.memory.put<std::uint8_t>(guest.translate(Gpa{0x1000})->value(), 2);
        CHECK(world.get(guest, 0x1000) == 2);
        CHECK(collect(world, guest).pages.empty());
        // One that has invalidated walks.
        world.put(guest, 0x1000, 3);
        CHECK(collect(world, guest).pages == std::set<std::uint64_t>{1});
    }
}

} // namespace missed_write_test
