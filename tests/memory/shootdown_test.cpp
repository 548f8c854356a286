#include "catch.hpp"
#include "support/caching_processor.hpp"
#include "support/space_world.hpp"

#include <array>
#include <vector>

namespace shootdown_test {

using namespace twofold;
using namespace twofold::test;

namespace {

std::uint32_t collect(Shootdown& shootdown, FramePool& pool) {
    return shootdown.collect(
        [&](Shootdown::Retired const& retired) { pool.release(retired.frame, retired.level); });
}

} // namespace

TEST_CASE("a reference that was retired counts until every processor that runs the space has "
          "acknowledged") {
    SpaceWorld w{64};
    Shootdown shootdown{3};
    Hpa const frame = *w.pool.allocate();
    std::uint64_t const used = w.pool.frames_used();
    CHECK_FALSE(shootdown.enter(0));
    CHECK_FALSE(shootdown.enter(1));
    shootdown.retire(frame, 1, false);
    CHECK(collect(shootdown, w.pool) == 0); // not even posted
    auto const generation = shootdown.post();
    CHECK(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 0);
    shootdown.acknowledge(0, generation);
    CHECK_FALSE(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 0);
    CHECK(w.pool.references(frame) == 1);
    shootdown.acknowledge(1, generation);
    CHECK(shootdown.complete(generation));
    CHECK(collect(shootdown, w.pool) == 1);
    CHECK(w.pool.frames_used() == used - 1);
}

TEST_CASE("a processor that does not run the space is not waited for, and invalidates before it "
          "enters") {
    SpaceWorld w{64};
    Shootdown shootdown{2};
    CHECK_FALSE(shootdown.enter(0));
    shootdown.leave(0);
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const generation = shootdown.post();
    CHECK(collect(shootdown, w.pool) == 1);
    CHECK(shootdown.enter(0));
    CHECK_FALSE(shootdown.complete(generation));
    shootdown.acknowledge(0, generation);
    CHECK(shootdown.complete(generation));
    CHECK(shootdown.enter(1));
}

TEST_CASE("an acknowledgement of an older generation does not cover a newer one") {
    SpaceWorld w{64};
    Shootdown shootdown{1};
    (void)shootdown.enter(0);
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const first = shootdown.post();
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const second = shootdown.post();
    shootdown.acknowledge(0, first);
    CHECK(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 1);
    shootdown.acknowledge(0, second);
    CHECK(collect(shootdown, w.pool) == 1);
}

TEST_CASE("when too much waits, a space asks for patience and changes nothing") {
    Shootdown shootdown{1}; // outlives the spaces, which retire frames when they end
    SpaceWorld w;
    auto options = w.options(2 * mib);
    options.shootdown = &shootdown;
    auto& space = w.space(options);
    (void)shootdown.enter(0);
    w.put(space, 0x1000, 1);
    w.clone(space);
    std::vector<Hpa> waiting;
    while (shootdown.room() > 4) {
        waiting.push_back(*w.pool.allocate());
        shootdown.retire(waiting.back(), 1, false);
    }
    w.memory.forget_stores();
    CHECK(w.mmu.write(space, Gpa{0x1000}, 2).error() == SpaceError::shootdown_pending);
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::shootdown_pending);
    CHECK(space.release(Gpa{0x1000}, 4096).error == SpaceError::shootdown_pending);
    CHECK(w.memory.stores().empty());
    shootdown.acknowledge(0, shootdown.post());
    CHECK(collect(shootdown, w.pool) == waiting.size());
    w.put(space, 0x1000, 2);
}

namespace {

/// Two processors run a guest, and one its clone. The first breaks copy-on-write; before the second
/// has invalidated, the clone writes. Returns what the second reads then.
std::uint8_t read_before_invalidation(bool frames_wait) {
    Shootdown shootdown{3}; // outlives the spaces, which retire frames when they end
    SpaceWorld w;
    auto options = w.options(2 * mib);
    if (frames_wait) options.shootdown = &shootdown;
    auto& parent = w.space(options);
    w.put(parent, 0x1000, 1);
    auto& child = w.clone(parent);
    CachingProcessor second{w.memory};
    CHECK_FALSE(shootdown.enter(0));
    CHECK_FALSE(shootdown.enter(1));
    REQUIRE(second.access(parent.root(), Gpa{0x1000}, Access::read));

    auto const answer = parent.resolve({.gpa = Gpa{0x1000}, .access = Access::write});
    REQUIRE(answer);
    REQUIRE(answer->duty.must_invalidate());
    auto const generation = shootdown.post();
    shootdown.acknowledge(0, generation);
    w.put(child, 0x1000, 99); // the last sharer would take the frame over
    auto const seen = second.access(parent.root(), Gpa{0x1000}, Access::read);
    REQUIRE(seen);
    CHECK(parent.collect_retired() == 0);

    second.invalidate(parent.root());
    shootdown.acknowledge(1, generation);
    CHECK(parent.collect_retired() == (frames_wait ? 4 : 0)); // three tables and the page
    w.require_laws();
    return w.memory.get<std::uint8_t>(seen->value());
}

} // namespace

TEST_CASE("a frame that another may use before all have acknowledged shows the other's data, and "
          "one that waits does not") {
    CHECK(read_before_invalidation(false) == 99);
    CHECK(read_before_invalidation(true) == 1);
}

TEST_CASE("each change that asks for a duty leaves a stale translation behind without it") {
    struct Case {
        char const* what;
        void (*change)(SpaceWorld&, TestSpace&);
    };
    std::array<Case, 5> const cases{{
        {"a clone takes write permission away", [](SpaceWorld& w, TestSpace& s) { w.clone(s); }},
        {"release", [](SpaceWorld&, TestSpace& s) { (void)s.release(Gpa{0}, 4096); }},
        {"swap out", [](SpaceWorld&, TestSpace& s) { REQUIRE(s.swap_out(Gpa{0})); }},
        {"promotion moves pages",
         [](SpaceWorld&, TestSpace& s) { REQUIRE(s.promote(Gpa{0}, page_2m)); }},
        {"write protection for a log",
         [](SpaceWorld&, TestSpace& s) {
             static std::vector<std::uint64_t> words(DirtyLog::words_for(2 * mib));
             static DirtyLog log{words};
             REQUIRE(s.start_logging(log, DirtyMeans::write_protection));
             s.stop_logging();
         }},
    }};
    for (auto const& [what, change] : cases) {
        CAPTURE(what);
        SpaceWorld w;
        auto& space = w.space(2 * mib);
        for (std::uint64_t page = 512; page-- > 0;)
            w.put(space, page << 12, 1);
        CachingProcessor processor{w.memory};
        auto const before = processor.access(space.root(), Gpa{0}, Access::write);
        REQUIRE(before);
        change(w, space);
        CHECK(processor.access(space.root(), Gpa{0}, Access::write) == before); // stale
        processor.invalidate(space.root());
        CHECK(processor.access(space.root(), Gpa{0}, Access::write) != before);
    }
}

} // namespace shootdown_test
