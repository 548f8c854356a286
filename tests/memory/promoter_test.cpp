#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/promoter.hpp>

namespace promoter_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr auto ignore_duty = [](TestSpace&, Duty) {};

void fill(SpaceWorld& w, TestSpace& space, std::uint64_t bytes) {
    for (std::uint64_t gpa = 0; gpa < bytes; gpa += 4096)
        w.put(space, gpa, static_cast<std::uint8_t>(gpa >> 12));
}

} // namespace

TEST_CASE("in the background, small pages of all spaces become large ones where they can") {
    SpaceWorld w{16384};
    auto& full = w.space(8 * mib);
    auto& with_hole = w.space(4 * mib);
    fill(w, full, 8 * mib);
    fill(w, with_hole, 4 * mib);
    (void)with_hole.release(Gpa{0x5000}, 4096);
    Promoter<TestSpace> promoter{w.registry};
    std::uint64_t duties = 0;
    auto const result = promoter.step(100, [&](TestSpace&, Duty duty) {
        duties += duty.has(Duty::Reason::page_size_changed) ? 1 : 0;
    });
    CHECK(result.pass_ended);
    CHECK(result.promoted == 5);
    CHECK(duties == 5);
    CHECK(w.page_size_at(full, 6 * mib) == page_2m);
    CHECK(w.page_size_at(with_hole, 0) == page_4k);
    CHECK(w.page_size_at(with_hole, 2 * mib) == page_2m);
    for (std::uint64_t gpa = 0; gpa < 8 * mib; gpa += 4096)
        REQUIRE(w.peek(full, gpa) == static_cast<std::uint8_t>(gpa >> 12));
    w.require_laws();
}

TEST_CASE("a step stays within its budget and goes on where the last one ended") {
    SpaceWorld w{16384};
    fill(w, w.space(8 * mib), 8 * mib);
    Promoter<TestSpace> promoter{w.registry};
    for (std::uint64_t done = 1; done <= 4; ++done) {
        auto const result = promoter.step(1, ignore_duty);
        CHECK(result.steps == 1);
        CHECK(result.promoted == 1);
        CHECK_FALSE(result.pass_ended);
    }
    CHECK(promoter.step(1, ignore_duty).pass_ended);
}

TEST_CASE("512 large pages become one gibibyte") {
    SpaceWorld w{3 << 18};
    auto& space = w.space(2 * gib, page_1g);
    for (std::uint64_t gpa = 0; gpa < gib; gpa += 64 * mib)
        w.put(space, gpa, static_cast<std::uint8_t>(gpa >> 26));
    REQUIRE(space.split(Gpa{0}));
    CHECK(w.page_size_at(space, 0) == page_4k);
    CHECK(w.page_size_at(space, 2 * mib) == page_2m);
    CHECK(Promoter<TestSpace>{w.registry}.step(2000, ignore_duty).promoted == 1);
    CHECK(w.page_size_at(space, 0) == page_2m);
    Promoter<TestSpace> promoter{w.registry, page_1g};
    // Nothing has moved: the pages lie together.
    auto const result = promoter.step(2000, ignore_duty);
    CHECK(result.promoted == 1);
    CHECK(result.moved == 0);
    CHECK(w.page_size_at(space, 0) == page_1g);
    for (std::uint64_t gpa = 0; gpa < gib; gpa += 64 * mib)
        REQUIRE(w.peek(space, gpa) == static_cast<std::uint8_t>(gpa >> 26));
    w.require_laws();
}

TEST_CASE("with small executable pages only, nothing is executable before it is fetched from, and "
          "a fetch from a large page splits it") {
    SpaceWorld w{16384};
    auto options = w.options(4 * mib, page_2m);
    options.executable = ExecutablePages::small_only;
    auto& space = w.space(options);
    w.put(space, 0x1000, 1);
    auto const before = walk(EptFormat<4>{}, space.root(), Gpa{0x1000}, w.memory);
    REQUIRE(before);
    CHECK(before->page_size == page_2m);
    CHECK_FALSE(before->permissions.execute);

    auto const answer = space.resolve({.gpa = Gpa{0x1000}, .access = Access::execute});
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::made_executable);
    CHECK(answer->duty.has(Duty::Reason::page_size_changed));
    CHECK(w.page_size_at(space, 0x1000) == page_4k);
    auto const fetched = walk(EptFormat<4>{}, space.root(), Gpa{0x1000}, w.memory);
    CHECK((fetched->permissions.write && fetched->permissions.execute));
    CHECK_FALSE(walk(EptFormat<4>{}, space.root(), Gpa{0x2000}, w.memory)->permissions.execute);
    CHECK(w.get(space, 0x1000) == 1);
    // The neighbour costs a violation of its own, and no invalidation.
    auto const next = space.resolve({.gpa = Gpa{0x2000}, .access = Access::execute});
    REQUIRE(next);
    CHECK_FALSE(next->duty.must_invalidate());
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::executable);
    w.require_laws();
}

TEST_CASE("with small executable pages only, a first fetch brings a small page, and data is "
          "promoted without execute permission") {
    SpaceWorld w{16384};
    auto options = w.options(4 * mib, page_2m);
    options.executable = ExecutablePages::small_only;
    auto& space = w.space(options);
    REQUIRE(w.mmu.read(space, Gpa{0x3000}, Access::execute));
    CHECK(w.page_size_at(space, 0x3000) == page_4k);
    auto options_4k = options;
    options_4k.leaf = page_4k;
    auto& data = w.space(options_4k);
    fill(w, data, 2 * mib);
    REQUIRE(data.promote(Gpa{0}, page_2m));
    auto const found = walk(EptFormat<4>{}, data.root(), Gpa{0}, w.memory);
    CHECK(found->page_size == page_2m);
    CHECK_FALSE(found->permissions.execute);
    REQUIRE(w.mmu.read(data, Gpa{0x5000}, Access::execute));
    CHECK(w.get(data, 0x5000) == 5);
    w.require_laws();
}

TEST_CASE("pages that differ in execute permission are not promoted, and large executable pages "
          "stay where policy allows them") {
    SpaceWorld w{16384};
    auto& space = w.space(4 * mib);
    fill(w, space, 2 * mib);
    REQUIRE(space.promote(Gpa{0}, page_2m));
    CHECK(w.mmu.read(space, Gpa{0x1000}, Access::execute));
    CHECK(w.page_size_at(space, 0x1000) == page_2m);
}

TEST_CASE("splitting is one store a level, with every page mapped at each") {
    SpaceWorld w{3 << 18};
    auto& space = w.space(gib, page_1g);
    w.put(space, 0x5000, 7);
    w.memory.forget_stores();
    auto const duty = space.split(Gpa{0x5000});
    REQUIRE(duty);
    CHECK(duty->has(Duty::Reason::page_size_changed));
    std::size_t const stores = w.memory.stores().size();
    CHECK(stores == 2 * 513);
    for (std::size_t seen = 0; seen <= stores; seen += seen < stores - 1 ? 19 : 1) {
        w.memory.rewind_to(seen);
        for (std::uint64_t gpa : {std::uint64_t{0x5000}, 2 * mib, gib - 4096})
            REQUIRE(space.translate(Gpa{gpa}));
        CHECK(w.peek(space, 0x5000) == 7);
        w.memory.replay_from(seen);
    }
    CHECK(w.page_size_at(space, 0x5000) == page_4k);
    CHECK(w.page_size_at(space, 2 * mib) == page_2m);
    w.memory.forget_stores();
    CHECK_FALSE(space.split(Gpa{0x5000})->must_invalidate());
    CHECK(w.memory.stores().empty());
    w.require_laws();
}

} // namespace promoter_test
