#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/reverse_map.hpp>

namespace slot_audit_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using What = SlotFinding::What;

/// A guest with two pages on the swap device, and two more that share a third by their tables and
/// a fourth by an entry each.
struct SwappedWorld : SpaceWorld {
    SwappedWorld() {
        put(a, 0x1000, 1);
        put(a, 0x2000, 2);
        REQUIRE(a.swap_out(Gpa{0x1000}));
        REQUIRE(a.swap_out(Gpa{0x2000}));
        put(b, 0x1000, 3);
        put(b, 0x200000, 4);
        auto& child = clone(b);
        put(child, 0x201000, 5); // whose table is its own, then
        for (std::uint64_t const gpa : {0x1000U, 0x200000U})
            REQUIRE(swap_out_shared(registry, b, Gpa{gpa}, [](auto&, Duty) {}));
    }

    Slot<EptFormat<4>> entry_of(TestSpace& space, std::uint64_t gpa) {
        auto const found = find_slot(EptFormat<4>{}, space.root(), Gpa{gpa}, 1, memory);
        REQUIRE(found);
        return *found;
    }
    SwapSlot slot_of(TestSpace& space, std::uint64_t gpa) {
        auto const found = entry_of(space, gpa);
        REQUIRE(SwappedEntry::is(found.entry.word()));
        return SwappedEntry::slot(found.entry.word());
    }
    void write_entry(TestSpace& space, std::uint64_t gpa, std::uint64_t word) {
        REQUIRE(memory.write(entry_of(space, gpa).address, word));
    }
    /// The audit finds just this, and leaves everything as it was.
    void check_finds(SlotFinding const& wanted, std::uint64_t mismatches = 1) {
        for (int i = 0; i < 2; ++i) {
            auto const result = audit();
            CHECK_FALSE(result.clean());
            CHECK(result.mismatches == 0);
            CHECK(result.swap.mismatches == mismatches);
            REQUIRE(result.swap.first);
            CHECK(name_of(result.swap.first->what) == name_of(wanted.what));
            CHECK(result.swap.first->slot == wanted.slot);
            CHECK(result.swap.first->counted == wanted.counted);
            CHECK(result.swap.first->found == wanted.found);
        }
    }

    TestSpace& a = space(4 * mib);
    TestSpace& b = space(4 * mib);
};

} // namespace

TEST_CASE("an audit counts the entries that name each slot, those of a shared table once") {
    SwappedWorld w;
    auto const result = w.audit();
    CHECK(result.clean());
    CHECK(result.swap.slots == 256);
    CHECK(result.swap.used == 4);
    CHECK(result.swap.references == 5);
    w.require_laws();
    CHECK(w.get(w.b, 0x200000) == 4);
    CHECK(w.audit().swap.references == 4);
    CHECK(w.audit().swap.used == 4);
    for (auto& space : w.spaces)
        space.reset();
    auto const last = w.audit();
    CHECK(last.clean());
    CHECK(last.swap.used == 0);
    CHECK(last.swap.references == 0);
}

TEST_CASE("a slot's count that is too high or too low is named, with both numbers") {
    SwappedWorld w;
    SwapSlot const shared = w.slot_of(w.b, 0x200000);
    w.swap.area.retain(shared);
    w.check_finds({What::wrong_count, shared.number, 3, 2});
    w.swap.area.release(shared);
    CHECK(w.audit().clean());

    SwapSlot const own = w.slot_of(w.a, 0x1000);
    for (std::uint64_t const gpa : {0x8000U, 0x9000U})
        w.write_entry(w.a, gpa, SwappedEntry::word(own));
    w.check_finds({What::wrong_count, own.number, 1, 3});
    for (std::uint64_t const gpa : {0x8000U, 0x9000U})
        w.write_entry(w.a, gpa, 0);
    CHECK(w.audit().clean());
}

TEST_CASE("a slot in use that no entry names is named, after the last space too") {
    SwappedWorld w;
    SwapSlot const lost = w.slot_of(w.a, 0x1000);
    w.write_entry(w.a, 0x1000, 0);
    w.check_finds({What::wrong_count, lost.number, 1, 0});
    for (auto& space : w.spaces)
        space.reset();
    w.check_finds({What::wrong_count, lost.number, 1, 0});
    w.swap.area.release(lost);
    CHECK(w.audit().clean());
}

TEST_CASE("an entry that names a free slot, or none of the device's, is named") {
    SwappedWorld w;
    for (std::uint32_t const number : {200U, 255U}) {
        w.write_entry(w.a, 0x9000, SwappedEntry::word({number}));
        w.check_finds({What::free_slot, number});
    }
    w.write_entry(w.a, 0xa000, SwappedEntry::word({255}));
    w.check_finds({What::free_slot, 255}, 2);
    w.write_entry(w.a, 0xa000, 0);
    for (std::uint32_t const number : {256U, 0xffff'ffffU}) {
        w.write_entry(w.a, 0x9000, SwappedEntry::word({number}));
        w.check_finds({What::foreign_slot, number});
    }
    w.write_entry(w.a, 0x9000, 0);
    CHECK(w.audit().clean());
}

TEST_CASE("a slot that is neither free nor in use is found by the number of all") {
    SwappedWorld w;
    w.swap.counts[200] = 0;
    w.check_finds({What::wrong_total, 256, 4, 5});
}

TEST_CASE("without a swap device no entry may name a slot") {
    SwappedWorld w;
    auto const result = FrameAudit{w.pool}.run([&](FrameAudit& audit) { audit.space(w.a); });
    CHECK(result.swap.slots == 0);
    CHECK(result.swap.mismatches == 2);
    REQUIRE(result.swap.first);
    CHECK(name_of(result.swap.first->what) == "foreign_slot");
}

} // namespace slot_audit_test
