#include "catch.hpp"
#include "support/space_world.hpp"

#include <array>

namespace accessed_dirty_clone_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// The guest's own page tables: one page a level, far enough from each other for a table each.
constexpr std::array<std::uint64_t, 4> guest_tables{0x10'0000, 0x30'0000, 0x50'0000, 0x70'0000};

/// A guest whose tables are in use: its processor set their A bits long ago.
TestSpace& running_guest(SpaceWorld& w) {
    auto& guest = w.space(16 * mib);
    for (std::uint64_t const table : guest_tables)
        w.put(guest, table, 1);
    w.put(guest, 0x90'0000, 1);
    return guest;
}

/// Frames that a clone takes when all it does is to load from one page.
std::uint64_t frames_for_one_load(bool accessed_dirty) {
    SpaceWorld w;
    w.mmu.accessed_dirty = accessed_dirty;
    auto& child = w.clone(running_guest(w));
    std::uint64_t const used = w.pool.frames_used();
    for (std::uint64_t const table : guest_tables)
        REQUIRE(w.mmu.access(child, {Gpa{table}, Access::read, true, true}));
    CHECK(w.get(child, 0x90'0000) == 1);
    w.require_laws();
    return w.pool.frames_used() - used;
}

} // namespace

TEST_CASE("with EPT A/D off a clone that only reads un-shares nothing; with it on, each page table "
          "that its walk passes") {
    CHECK(frames_for_one_load(false) == 0);
    // Two tables of the path that all have in common, and a last-level table and a page for each.
    CHECK(frames_for_one_load(true) == 2 + 4 * 2);
}

TEST_CASE("with EPT A/D off a guest page table is un-shared when a bit in it is set, and once") {
    SpaceWorld w;
    auto& child = w.clone(running_guest(w));
    std::uint64_t const used = w.pool.frames_used();
    REQUIRE(w.mmu.access(child, {Gpa{guest_tables[3]}, Access::write, true, true}));
    CHECK(w.pool.frames_used() - used == 4);
    REQUIRE(w.mmu.access(child, {Gpa{guest_tables[3]}, Access::write, true, true}));
    CHECK(w.pool.frames_used() - used == 4);
}

TEST_CASE("clones are right with EPT A/D on: bits that the processor sets in shared tables are "
          "nobody's writes") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& parent = w.space(4 * mib);
    for (std::uint64_t page = 0; page < 16; ++page)
        w.put(parent, page << 12, static_cast<std::uint8_t>(page));
    auto& child = w.clone(parent);
    auto& grandchild = w.clone(child);
    for (std::uint64_t page = 0; page < 16; ++page) {
        for (auto* one : {&parent, &child, &grandchild})
            CHECK(w.get(*one, page << 12) == page);
    }
    w.put(grandchild, 0x3000, 90);
    w.put(parent, 0x3000, 91);
    CHECK(w.get(child, 0x3000) == 3);
    w.put(child, 0x3000, 92); // the last sharer
    CHECK(w.get(grandchild, 0x3000) == 90);
    CHECK(w.get(parent, 0x3000) == 91);
    w.require_laws();
}

} // namespace accessed_dirty_clone_test
