#include "catch.hpp"
#include "support/space_world.hpp"

namespace working_set_test {

using namespace twofold;
using namespace twofold::test;

TEST_CASE("the working set is what was accessed since the last look, and no more") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& space = w.space(2 * gib);
    for (std::uint64_t page = 0; page < 100; ++page)
        w.put(space, page << 12, 1);
    auto const first = space.working_set();
    CHECK(first.pages == 100);
    CHECK(first.duty.has(Duty::Reason::accessed_or_dirty_cleared));
    CHECK(space.working_set().pages == 0);
    for (std::uint64_t page = 0; page < 10; ++page)
        (void)w.get(space, page << 12);
    w.put(space, gib, 1);
    CHECK(space.working_set().pages == 11);
    CHECK_FALSE(space.working_set().duty.must_invalidate());
}

TEST_CASE("a subtree that was not accessed costs one read") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& space = w.space(2 * gib);
    for (std::uint64_t gpa = 0; gpa < 64 * mib; gpa += 2 * mib)
        w.put(space, gpa, 1);
    (void)space.working_set();
    (void)w.get(space, 0);
    std::uint64_t const reads = w.memory.reads();
    CHECK(space.working_set().pages == 1);
    CHECK(w.memory.reads() - reads == 4 * 512);
}

TEST_CASE("large pages count whole, and shared tables apart") {
    SpaceWorld w{16384};
    w.mmu.accessed_dirty = true;
    auto& space = w.space(8 * mib, page_2m);
    w.put(space, 2 * mib, 1);
    CHECK(space.working_set().pages == 512);
    (void)w.get(space, 2 * mib);
    w.clone(space);
    auto const found = space.working_set();
    CHECK(found.pages == 0);
    CHECK(found.shared_pages == 512);
}

TEST_CASE("a page keeps what was noted of it when its table or its frame is copied") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 1);
    w.put(parent, 0x2000, 1);
    (void)parent.working_set();
    (void)w.get(parent, 0x1000);
    auto& child = w.clone(parent);
    w.put(child, 0x3000, 1);
    CHECK(child.working_set().pages == 2); // 0x1000 and 0x3000
    auto const answer = child.resolve({.gpa = Gpa{0x2000}, .access = Access::write});
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::copied);
    CHECK(child.working_set().pages == 0);
}

TEST_CASE("taking a page or a table over asks for no invalidation, accessed bits or not") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 1);
    w.put(w.clone(parent), 0x1000, 2);
    auto const page = parent.resolve({.gpa = Gpa{0x1000}, .access = Access::write});
    REQUIRE(page);
    CHECK(page->kind == Resolution::Kind::taken_over);
    CHECK_FALSE(page->duty.must_invalidate());
}

} // namespace working_set_test
