#include "catch.hpp"
#include "support/space_world.hpp"

namespace release_test {

using namespace twofold;
using namespace twofold::test;

TEST_CASE("what is given back is free at once, and reads as zeros") {
    SpaceWorld w;
    auto& space = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 16; ++page)
        w.put(space, page << 12, 7);
    std::uint64_t const used = w.pool.frames_used();
    auto const done = space.release(Gpa{0x4000}, 0x4000);
    CHECK(done.pages == 4);
    CHECK(done.duty.has(Duty::Reason::permission_removed));
    CHECK_FALSE(done.error);
    CHECK(w.pool.frames_used() == used - 4);
    CHECK(w.get(space, 0x3000) == 7);
    CHECK(w.get(space, 0x4000) == 0);
    CHECK(w.get(space, 0x7fff) == 0);
    CHECK(w.get(space, 0x8000) == 7);
    w.require_laws();
}

TEST_CASE("only whole pages are given back, and nothing beyond the guest's memory") {
    SpaceWorld w;
    auto& space = w.space(2 * mib);
    w.put(space, 0x1000, 7);
    w.put(space, 0x2000, 8);
    CHECK(space.release(Gpa{0x1001}, 0x1ffe).pages == 0);
    CHECK(space.release(Gpa{0x1fff}, 0x1001).pages == 1);
    CHECK(w.get(space, 0x1000) == 7);
    CHECK(w.get(space, 0x2000) == 0);
    for (auto const& refused : {space.release(Gpa{2 * mib}, 1), space.release(Gpa{3 * mib}, 0),
                                space.release(Gpa{4096}, ~std::uint64_t{0})}) {
        CHECK(refused.error == SpaceError::outside_memory);
        CHECK(refused.pages == 0);
    }
    CHECK_FALSE(space.release(Gpa{2 * mib}, 0).error);
}

TEST_CASE("a large page is split where a part of it is given back, and goes whole otherwise") {
    SpaceWorld w{16384};
    auto& space = w.space(8 * mib, page_2m);
    for (std::uint64_t gpa = 0; gpa < 8 * mib; gpa += 4096)
        w.put(space, gpa, static_cast<std::uint8_t>(gpa >> 12));
    std::uint64_t const used = w.pool.frames_used();
    auto const done = space.release(Gpa{mib}, 4 * mib);
    CHECK(done.pages == 1024);
    CHECK(done.duty.has(Duty::Reason::page_size_changed));
    CHECK(w.pool.frames_used() == used - 1024 + 2);
    CHECK(w.page_size_at(space, 0) == page_4k);
    CHECK_FALSE(space.translate(Gpa{2 * mib}));
    CHECK(w.page_size_at(space, 6 * mib) == page_2m);
    for (std::uint64_t gpa = 0; gpa < 8 * mib; gpa += 4096) {
        bool const gone = gpa >= mib && gpa < 5 * mib;
        if (w.peek(space, gpa) != (gone ? 0 : static_cast<std::uint8_t>(gpa >> 12)))
            FAIL("wrong contents at " << gpa);
    }
    w.require_laws();
}

TEST_CASE("what clones share stays with the others") {
    SpaceWorld w;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 7);
    w.put(parent, 0x2000, 8);
    REQUIRE(parent.swap_out(Gpa{0x2000}));
    auto& child = w.clone(parent);
    CHECK(child.release(Gpa{0}, 64 * kib).pages == 2);
    CHECK(w.get(child, 0x1000) == 0);
    CHECK(w.get(child, 0x2000) == 0);
    CHECK(w.get(parent, 0x1000) == 7);
    CHECK(w.get(parent, 0x2000) == 8);
    w.require_laws();
}

TEST_CASE("giving back what was swapped out frees the slot, and shared zeros stay") {
    SpaceWorld w;
    auto& space = w.space(2 * mib);
    w.put(space, 0x1000, 7);
    REQUIRE(space.swap_out(Gpa{0x1000}));
    CHECK(w.get(space, 0x2000) == 0);
    CHECK(space.release(Gpa{0}, mib).pages == 1);
    CHECK(w.swap.area.slots_used() == 0);
    CHECK(space.translate(Gpa{0x2000}) == *w.zero_frame);
    w.require_laws();
}

TEST_CASE("giving back from shared tables with no frame left is refused, and harms nobody") {
    SpaceWorld w{7};
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 7);
    auto& child = w.clone(parent);
    REQUIRE(w.pool.frames_free() == 0);
    auto const refused = child.release(Gpa{0x1000}, 4096);
    CHECK(refused.error == SpaceError::out_of_frames);
    CHECK(refused.pages == 0);
    CHECK(w.peek(child, 0x1000) == 7);
    CHECK(w.peek(parent, 0x1000) == 7);
    w.require_laws();
}

} // namespace release_test
