#include "catch.hpp"

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/duty.hpp>

namespace duty_test {

using namespace twofold;

namespace {

constexpr EptFormat<4> format{};
constexpr EptEntry none{};
constexpr EptEntry leaf = EptEntry::to_frame(0x1000, 1, read_write_execute);

constexpr EptEntry with(EptEntry entry, std::uint64_t set, std::uint64_t clear = 0) {
    return EptEntry{(entry.word() | set) & ~clear};
}

Duty change(EptEntry before, EptEntry after, unsigned level = 1) {
    return duty_of_change(format, before, after, level);
}

} // namespace

TEST_CASE("mapping what was not present needs no invalidation") {
    CHECK_FALSE(change(none, leaf).must_invalidate());
    CHECK_FALSE(change(none, EptEntry::to_table(0x5000), 3).must_invalidate());
    CHECK_FALSE(change(none, none).must_invalidate());
}

TEST_CASE("nothing is cached from a misconfigured entry") {
    EptEntry const write_only = with(leaf, 0, EptEntry::read_bit | EptEntry::execute_bit);
    CHECK_FALSE(change(write_only, none).must_invalidate());
}

TEST_CASE("adding a permission needs no invalidation") {
    EptEntry const readable = with(leaf, 0, EptEntry::write_bit | EptEntry::execute_bit);
    CHECK_FALSE(change(readable, leaf).must_invalidate());
    CHECK_FALSE(change(with(leaf, 0, EptEntry::execute_bit), leaf).must_invalidate());
}

TEST_CASE("removing any one permission must be invalidated") {
    for (std::uint64_t bit : {EptEntry::write_bit, EptEntry::execute_bit}) {
        CHECK(change(leaf, with(leaf, 0, bit)) == Duty{Duty::Reason::permission_removed});
    }
    CHECK(change(leaf, none) == Duty{Duty::Reason::permission_removed});
    CHECK(change(with(leaf, 0, EptEntry::write_bit),
                 with(leaf, 0, EptEntry::write_bit | EptEntry::read_bit))
              .has(Duty::Reason::permission_removed));
}

TEST_CASE("another frame must be invalidated, at the leaf and for a table") {
    CHECK(change(leaf, EptEntry::to_frame(0x2000, 1, read_write_execute)) ==
          Duty{Duty::Reason::frame_changed});
    CHECK(change(EptEntry::to_table(0x1000), EptEntry::to_table(0x2000), 2) ==
          Duty{Duty::Reason::frame_changed});
    CHECK_FALSE(
        change(EptEntry::to_table(0x1000), EptEntry::to_table(0x1000), 2).must_invalidate());
}

TEST_CASE("a copy-on-write break is a new permission and another frame: the frame decides") {
    EptEntry const shared = with(leaf, 0, EptEntry::write_bit);
    CHECK(change(shared, EptEntry::to_frame(0x2000, 1, read_write_execute)) ==
          Duty{Duty::Reason::frame_changed});
}

TEST_CASE("bit 7 changing between leaf and table must be invalidated") {
    EptEntry const large = EptEntry::to_frame(0x20'0000, 2, read_write_execute);
    CHECK(change(large, EptEntry::to_table(0x5000), 2) == Duty{Duty::Reason::page_size_changed});
    CHECK(change(EptEntry::to_table(0x5000), large, 2) == Duty{Duty::Reason::page_size_changed});
}

TEST_CASE("another memory type must be invalidated") {
    EptEntry const uncacheable =
        EptEntry::to_frame(0x1000, 1, read_write_execute, MemoryType::uncacheable);
    CHECK(change(leaf, uncacheable) == Duty{Duty::Reason::memory_type_changed});
    CHECK(change(leaf, with(leaf, EptEntry::ignore_pat_bit)) ==
          Duty{Duty::Reason::memory_type_changed});
}

TEST_CASE("clearing A or D must be invalidated, setting them need not") {
    for (std::uint64_t bit : {EptEntry::accessed_bit, EptEntry::dirty_bit}) {
        CHECK(change(with(leaf, bit), leaf) == Duty{Duty::Reason::accessed_or_dirty_cleared});
        CHECK_FALSE(change(leaf, with(leaf, bit)).must_invalidate());
    }
}

TEST_CASE("an unchanged entry needs nothing") { CHECK_FALSE(change(leaf, leaf).must_invalidate()); }

} // namespace duty_test
