#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/frame_audit.hpp>

namespace frame_audit_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using What = AuditFinding::What;

/// Two guests of small pages, a clone of one of them, and one of large pages that shares one of
/// them in parts.
struct AuditedWorld : SpaceWorld {
    AuditedWorld() : SpaceWorld(16384, 256, 16) {
        put(a, 0x1000, 1);
        put(a, 0x2000, 2);
        (void)get(a, 0x3000);
        put(b, 0x1000, 3);
        clone(b);
        put(large, 0x1000, 4);
        auto& half = clone(large);
        put(half, 0x5000, 5);
    }

    Slot<EptFormat<4>> slot(TestSpace& space, std::uint64_t gpa, unsigned level = 1) {
        auto const found = find_slot(EptFormat<4>{}, space.root(), Gpa{gpa}, level, memory);
        REQUIRE(found);
        return *found;
    }
    /// The audit finds just this, and leaves everything as it was.
    void check_finds(What what, Hpa frame, unsigned level = 1) {
        for (int i = 0; i < 2; ++i) {
            auto const result = audit();
            REQUIRE(result.first);
            CHECK(name_of(result.first->what) == name_of(what));
            CHECK(result.first->frame == frame);
            CHECK(result.first->level == level);
        }
    }
    void check_count(Hpa frame, std::uint32_t counted, std::uint32_t found) {
        check_finds(What::wrong_count, frame);
        auto const result = audit();
        CHECK(result.mismatches == 1);
        CHECK(result.first->counted == counted);
        CHECK(result.first->found == found);
    }
    void write_entry(Slot<EptFormat<4>> const& at, EptEntry entry) {
        REQUIRE(memory.write(at.address, entry.word()));
    }

    TestSpace& a = space(4 * mib);
    TestSpace& b = space(4 * mib);
    TestSpace& large = space(4 * mib, page_2m);
};

} // namespace

TEST_CASE("an audit of spaces in order checks every frame, each shared table once, and finds "
          "nothing") {
    AuditedWorld w;
    auto const result = w.audit();
    CHECK(result.clean());
    CHECK(result.frames == 16384 - 16);
    CHECK(result.spaces == 5);
    // Five roots and the zero frame; a: three tables and pages; b: its top table; below that, once,
    // two tables and a page; its clone the same top table; large and its clone alike, of which one
    // has split the large page.
    CHECK(result.references == 5 + 1 + (3 + 3) + (1 + 3) + 1 + (2 + 1) + (2 + 1 + 512));
    auto const again = w.audit();
    CHECK(again.references == result.references);
    w.require_laws();
}

TEST_CASE("a count that is too high or too low is named, with both numbers, and nothing else is") {
    AuditedWorld w;
    Hpa const page = *w.a.translate(Gpa{0x1000});
    Hpa const shared_table{w.slot(w.b, 0, 4).entry.table()};
    for (Hpa const frame : {page, shared_table, w.a.root(), Hpa{w.slot(w.a, 0, 3).entry.table()}}) {
        std::uint32_t const right = w.pool.references(frame);
        w.pool.retain(frame);
        w.check_count(frame, right + 1, right);
        w.pool.release(frame);
        CHECK(w.audit().clean());
    }
    // One entry fewer than references, in the middle of a shared subtree.
    w.pool.release(shared_table);
    w.check_count(shared_table, 1, 2);
    w.pool.retain(shared_table);
    CHECK(w.audit().clean());
}

TEST_CASE("an entry that leads to another guest's page is named, by its count or because it may be "
          "written") {
    AuditedWorld w;
    Hpa const page = *w.a.translate(Gpa{0x1000});
    auto const entry = [&](Permissions permissions) {
        return EptEntry::to_frame(page.value(), 1, permissions);
    };
    auto const elsewhere = w.slot(w.a, 0x9000);
    w.write_entry(elsewhere, entry({.read = true, .write = false, .execute = false}));
    w.check_finds(What::writable_and_shared, page);
    w.pool.retain(page);
    w.check_finds(What::writable_and_shared, page);
    w.pool.release(page);
    w.write_entry(w.slot(w.a, 0x1000), entry({.read = true, .write = false, .execute = false}));
    w.check_count(page, 1, 2);
    w.write_entry(elsewhere, EptEntry{});
    CHECK(w.audit().clean());
}

TEST_CASE("an entry that leads to a table, to a root or to the hypervisor's own frames is named") {
    AuditedWorld w;
    auto const elsewhere = w.slot(w.a, 0x9000);
    for (Hpa const table : {Hpa{w.slot(w.b, 0, 2).entry.table()}, w.large.root()}) {
        w.write_entry(elsewhere, EptEntry::to_frame(table.value(), 1, read_write_execute));
        w.check_finds(What::table_as_memory, table);
    }
    // Memory that the pool never had, within what it keeps records of and beyond.
    w.write_entry(elsewhere, EptEntry::to_frame(0x3000, 1, read_write_execute));
    w.check_count(Hpa{0x3000}, 0, 1);
    Hpa const beyond{std::uint64_t{1} << 30};
    w.write_entry(elsewhere, EptEntry::to_frame(beyond.value(), 1, read_write_execute));
    w.check_finds(What::foreign_memory, beyond);
    w.write_entry(elsewhere, EptEntry{});
    CHECK(w.audit().clean());
}

TEST_CASE("a large page over a table, or over a page that may be written elsewhere, is named") {
    AuditedWorld w;
    Hpa const page = *w.a.translate(Gpa{0x1000});
    auto const slot = w.slot(w.large, 2 * mib, 2);
    Hpa const around{page.aligned_down(2 * mib)};
    w.write_entry(slot, EptEntry::to_frame(around.value(), 2, read_write_execute));
    w.check_finds(What::wrong_count, around, 2);
    // As if it were counted as well.
    w.pool.retain(around, 2);
    auto const result = w.audit();
    REQUIRE(result.first);
    CHECK(result.mismatches > 1);
    CHECK(result.first->what != What::wrong_count);
}

TEST_CASE("frames of the hypervisor's own count as entries, and no guest may reach them") {
    AuditedWorld w;
    Hpa const record = *w.pool.allocate();
    Hpa const log = *w.pool.allocate(2);
    auto const audit = [&] {
        return FrameAudit{w.pool}.run([&](FrameAudit& visitor) {
            for (auto& space : w.spaces)
                visitor.space(*space);
            visitor.shared(*w.zero_frame);
            visitor.own(record);
            visitor.own(log, 2);
        });
    };
    CHECK(audit().clean());
    CHECK(w.audit().mismatches == 2); // to who knows nothing of them
    for (auto const& [frame, what] : {std::pair{record, What::table_as_memory},
                                      std::pair{log + 0x7000, What::writable_and_shared}}) {
        w.write_entry(w.slot(w.a, 0x9000),
                      EptEntry::to_frame(frame.value(), 1, {.read = true, .write = false}));
        w.pool.retain(frame);
        auto const result = audit();
        REQUIRE(result.first);
        CHECK(name_of(result.first->what) == name_of(what));
        CHECK(result.first->frame == frame);
        w.pool.release(frame);
    }
}

} // namespace frame_audit_test
