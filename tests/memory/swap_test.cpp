#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/reclaimer.hpp>

namespace swap_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr auto ignore_duty = [](TestSpace&, Duty) {};

} // namespace

TEST_CASE("a slot is free when the last entry that names it is gone, and not before") {
    SpaceWorld w{64, 2};
    SwapArea& area = w.swap.area;
    Hpa const frame = *w.pool.allocate();
    w.memory.put(frame.value(), std::uint8_t{42});
    auto const first = area.store(frame);
    auto const second = area.store(frame);
    REQUIRE((first && second));
    CHECK_FALSE(area.store(frame));
    area.retain(*first);
    area.release(*first);
    CHECK(area.slots_used() == 2);
    area.release(*first);
    CHECK(area.slots_used() == 1);
    CHECK(area.store(frame) == first);
    Hpa const back = *w.pool.allocate();
    CHECK(area.load(*second, back));
    CHECK(w.memory.get<std::uint8_t>(back.value()) == 42);
}

TEST_CASE("a page that was swapped out comes back with its contents on a read, write or fetch") {
    for (Access access : {Access::read, Access::write, Access::execute}) {
        SpaceWorld w;
        auto& space = w.space(2 * mib);
        w.put(space, 0x5000, 7);
        std::uint64_t const used = w.pool.frames_used();
        auto const duty = space.swap_out(Gpa{0x5123});
        REQUIRE(duty);
        CHECK(duty->has(Duty::Reason::permission_removed));
        CHECK(w.pool.frames_used() == used - 1);
        CHECK(w.swap.area.slots_used() == 1);
        CHECK_FALSE(space.translate(Gpa{0x5000}));
        w.require_laws();

        auto const answer = space.resolve({.gpa = Gpa{0x5000}, .access = access});
        REQUIRE(answer);
        CHECK(answer->kind == Resolution::Kind::swapped_in);
        CHECK_FALSE(answer->duty.must_invalidate()); // nothing is cached of what was not present
        CHECK(w.swap.area.slots_used() == 0);
        CHECK(w.peek(space, 0x5000) == 7);
        CHECK(w.pool.frames_used() == used);
        w.require_laws();
    }
}

TEST_CASE("what is not private, not small or not there stays") {
    SpaceWorld w{16384};
    auto& large = w.space(4 * mib, page_2m);
    w.put(large, 0, 1);
    CHECK_FALSE(large.swap_out(Gpa{0}));
    auto& space = w.space(2 * mib);
    CHECK_FALSE(space.swap_out(Gpa{0x1000}));
    CHECK_FALSE(space.swap_out(Gpa{2 * mib}));
    CHECK(w.get(space, 0x1000) == 0);
    CHECK_FALSE(space.swap_out(Gpa{0x1000})); // the zero frame
    w.put(space, 0x2000, 1);
    w.clone(space);
    w.memory.forget_stores();
    CHECK_FALSE(space.swap_out(Gpa{0x2000}));
    CHECK(w.memory.stores().empty());
    w.require_laws();
}

TEST_CASE("clones share a swapped page's slot until each has it back") {
    SpaceWorld w;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 7);
    w.put(parent, 0x2000, 8);
    REQUIRE(parent.swap_out(Gpa{0x1000}));
    auto& child = w.clone(parent);
    w.put(child, 0x2000, 9); // copies the table, and with it the slot's number
    CHECK(w.swap.area.slots_used() == 1);
    w.require_laws();
    w.put(child, 0x1000, 10);
    CHECK(w.swap.area.slots_used() == 1);
    CHECK(w.get(parent, 0x1000) == 7);
    CHECK(w.swap.area.slots_used() == 0);
    CHECK(w.peek(child, 0x1000) == 10);
    w.require_laws();
}

TEST_CASE("a read brings a page back into a shared table, for all who share it") {
    SpaceWorld w;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x1000, 7);
    REQUIRE(parent.swap_out(Gpa{0x1000}));
    auto& child = w.clone(parent);
    CHECK(w.get(child, 0x1000) == 7);
    CHECK(parent.translate(Gpa{0x1000}) == child.translate(Gpa{0x1000}));
    w.put(child, 0x1000, 8);
    CHECK(w.get(parent, 0x1000) == 7);
    w.require_laws();
}

TEST_CASE("a space that ends gives its slots back") {
    SpaceWorld w;
    auto& space = w.space(2 * mib);
    for (std::uint64_t gpa = 0; gpa < 64 * kib; gpa += 4096) {
        w.put(space, gpa, 1);
        REQUIRE(space.swap_out(Gpa{gpa}));
    }
    w.clone(space);
    w.spaces[0].reset();
    CHECK(w.swap.area.slots_used() == 16);
    w.spaces[1].reset();
    CHECK(w.swap.area.slots_used() == 0);
    CHECK(w.pool.frames_used() == 1);
}

TEST_CASE("a device that fails loses no page, and stops only the guest that asks for what it does "
          "not give back") {
    SpaceWorld w;
    auto& space = w.space(2 * mib);
    auto& other = w.space(2 * mib);
    w.put(space, 0x1000, 7);
    w.put(other, 0x1000, 8);
    w.swap.device.fail_writes = true;
    CHECK_FALSE(space.swap_out(Gpa{0x1000}));
    CHECK(w.get(space, 0x1000) == 7);
    CHECK(w.swap.area.write_failures() == 1);
    w.swap.device.fail_writes = false;
    REQUIRE(space.swap_out(Gpa{0x1000}));
    w.swap.device.fail_reads = true;
    std::uint64_t const used = w.pool.frames_used();
    CHECK(w.mmu.read(space, Gpa{0x1000}).error() == SpaceError::swap_failed);
    CHECK(w.pool.frames_used() == used);
    CHECK(w.get(other, 0x1000) == 8);
    w.require_laws();
    w.swap.device.fail_reads = false;
    CHECK(w.get(space, 0x1000) == 7);
}

TEST_CASE("reclaim gives accessed pages another chance and takes the cold ones") {
    SpaceWorld w;
    w.mmu.accessed_dirty = true;
    auto& space = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 32; ++page)
        w.put(space, page << 12, static_cast<std::uint8_t>(page));
    // All were accessed by their first write: the first round ages them.
    auto const aged = space.reclaim(Gpa{}, 32, 32);
    CHECK(aged.frames == 0);
    CHECK(aged.duty.has(Duty::Reason::accessed_or_dirty_cleared));
    CHECK(aged.next == Gpa{32 << 12});
    for (std::uint64_t page = 0; page < 32; page += 2)
        (void)w.get(space, page << 12);
    auto const taken = space.reclaim(Gpa{}, 32, 32);
    CHECK(taken.frames == 16);
    for (std::uint64_t page = 0; page < 32; ++page)
        CHECK(space.translate(Gpa{page << 12}).has_value() == (page % 2 == 0));
    for (std::uint64_t page = 0; page < 32; ++page)
        CHECK(w.get(space, page << 12) == page);
    w.require_laws();
}

TEST_CASE("two guests whose memory together is four times the machine's both go on") {
    SpaceWorld w{256 + 64, 1024};
    Reclaimer<TestSpace> reclaimer{w.registry};
    w.mmu.accessed_dirty = true;
    std::array guests{&w.space(2 * mib), &w.space(2 * mib)};
    auto const with_reclaim = [&](auto&& attempt) {
        auto answer = attempt();
        if (answer || answer.error() != SpaceError::out_of_frames) return answer;
        if (reclaimer.make_room(16, ignore_duty) == 0) return answer;
        return attempt();
    };
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t page = 0; page < 512; ++page) {
            for (auto* guest : guests) {
                auto const value = static_cast<std::uint8_t>(page * 3 + (guest == guests[1]));
                REQUIRE(with_reclaim([&] { return w.mmu.write(*guest, Gpa{page << 12}, value); }));
            }
        }
    }
    for (std::uint64_t page = 0; page < 512; ++page) {
        for (auto* guest : guests) {
            auto const got = with_reclaim([&] { return w.mmu.read(*guest, Gpa{page << 12}); });
            REQUIRE(got);
            CHECK(*got == static_cast<std::uint8_t>(page * 3 + (guest == guests[1])));
        }
    }
    w.require_laws();
}

TEST_CASE("out of everything: the guest that asks is refused, the others keep what they have") {
    SpaceWorld w{64, 8};
    Reclaimer<TestSpace> reclaimer{w.registry};
    auto& quiet = w.space(2 * mib);
    auto& greedy = w.space(2 * mib);
    w.put(quiet, 0x1000, 5);
    std::uint64_t page = 0;
    for (;; ++page) {
        if (w.mmu.write(greedy, Gpa{page << 12}, 1)) continue;
        if (reclaimer.make_room(1, ignore_duty) == 0) break;
        --page;
    }
    CHECK(page > 50);
    CHECK(w.swap.area.slots_used() == 8);
    CHECK(w.mmu.write(greedy, Gpa{page << 12}, 1).error() == SpaceError::out_of_frames);
    w.require_laws();
    w.spaces[1].reset(); // it stops
    CHECK(w.get(quiet, 0x1000) == 5);
    w.put(quiet, 0x2000, 6);
    w.require_laws();
}

TEST_CASE("pages that clones share leave only when private ones do not suffice, for all of them at "
          "once") {
    SpaceWorld w;
    auto& parent = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 16; ++page)
        w.put(parent, page << 12, static_cast<std::uint8_t>(page + 1));
    auto& child = w.clone(parent);
    auto& grandchild = w.clone(child);
    w.put(grandchild, 0, 99); // its own table and page; 15 pages by two tables
    Reclaimer<TestSpace> reclaimer{w.registry};
    std::vector<std::uint32_t> told;
    auto const carry_out = [&](TestSpace& space, Duty duty) {
        CHECK(duty.must_invalidate());
        told.push_back(space.id());
    };
    CHECK(reclaimer.make_room(1, carry_out) == 1);
    CHECK(told == std::vector{grandchild.id()}); // its private page
    told.clear();
    CHECK(reclaimer.make_room(3, carry_out) == 3);
    for (auto* space : {&parent, &child, &grandchild})
        CHECK(std::ranges::count(told, space->id()) >= 2);
    w.require_laws();
    CHECK(w.get(grandchild, 0) == 99);
    for (std::uint64_t page = 1; page < 16; ++page) {
        for (auto* space : {&parent, &child, &grandchild})
            CHECK(w.get(*space, page << 12) == page + 1);
    }
    w.require_laws();
}

TEST_CASE("the reverse map finds every space and page that a frame is mapped at") {
    SpaceWorld w;
    auto& parent = w.space(2 * mib);
    w.put(parent, 0x3000, 1);
    auto& child = w.clone(parent);
    auto& stranger = w.space(2 * mib);
    w.put(stranger, 0x3000, 2);
    Hpa const frame = *parent.translate(Gpa{0x3000});
    std::vector<std::pair<std::uint32_t, std::uint64_t>> all;
    for_each_mapping<TestSpace>(w.registry, frame, [&](TestSpace& space, Gpa gpa) {
        all.emplace_back(space.id(), gpa.value());
    });
    CHECK(all == std::vector<std::pair<std::uint32_t, std::uint64_t>>{{parent.id(), 0x3000},
                                                                      {child.id(), 0x3000}});
    w.put(child, 0x3000, 3);
    std::vector<std::uint32_t> sharers;
    for_each_mapping_at<TestSpace>(
        w.registry, Gpa{0x3000}, frame,
        [&](TestSpace& space, auto const&) { sharers.push_back(space.id()); });
    CHECK(sharers == std::vector{parent.id()});
}

} // namespace swap_test
