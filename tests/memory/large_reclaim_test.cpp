// Large pages leave for the swap area too: split when they are cold, then a small page at a time.
#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/promoter.hpp>
#include <twofold/memory/reclaimer.hpp>

namespace large_reclaim_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr auto ignore_duty = [](TestSpace&, Duty) {};

struct LargeWorld : SpaceWorld {
    explicit LargeWorld(std::uint64_t frames = 8192, std::uint32_t slots = 4096)
        : SpaceWorld(frames, slots) {
        mmu.accessed_dirty = true;
        reclaimer.split_large_pages(pool);
    }
    void fill(TestSpace& space, std::uint64_t from, std::uint64_t bytes) {
        for (std::uint64_t gpa = from; gpa < from + bytes; gpa += 4096)
            put(space, gpa, byte_of(gpa));
    }
    void check(TestSpace& space, std::uint64_t from, std::uint64_t bytes) {
        for (std::uint64_t gpa = from; gpa < from + bytes; gpa += 4096) {
            if (get(space, gpa) != byte_of(gpa)) FAIL("page " << gpa << " has changed");
        }
    }
    static std::uint8_t byte_of(std::uint64_t gpa) {
        return static_cast<std::uint8_t>((gpa >> 12) * 7 + (gpa >> 21));
    }
    void require_all_laws() {
        require_space_laws(spaces, pool, zero_frame, &swap.area, reclaimer.reserve().size());
    }
    /// As nobody has accessed it for a while.
    void let_cool(TestSpace& space, std::uint64_t gpa) {
        while (!space.look_at_large_page(Gpa{gpa}).is_cold) {
        }
    }
    void take_all_frames() {
        while (auto const frame = pool.allocate())
            taken.push_back(*frame);
    }
    void give_frames_back() {
        for (Hpa const frame : taken)
            pool.release(frame);
        taken.clear();
    }
    bool is_large(TestSpace& space, std::uint64_t gpa) {
        auto const found = walk(EptFormat<4>{}, space.root(), Gpa{gpa}, memory);
        return found && found->page_size != page_4k;
    }

    Reclaimer<TestSpace> reclaimer{registry};
    std::vector<Hpa> taken;
};

} // namespace

TEST_CASE("cold small pages leave first, then a cold large page in parts, then what was accessed") {
    LargeWorld w;
    auto& small = w.space(2 * mib);
    auto& large = w.space(4 * mib, page_2m);
    w.fill(large, 0, 4 * mib);
    w.fill(small, 0, 16 * 4096);
    (void)small.working_set(); // ages all of them
    w.let_cool(large, 0);
    w.let_cool(large, 2 * mib);
    (void)w.get(large, 2 * mib);
    for (std::uint64_t page = 0; page < 8; ++page)
        (void)w.get(small, page << 12);

    CHECK(w.reclaimer.make_room(8, ignore_duty) == 8);
    for (std::uint64_t page = 0; page < 16; ++page)
        CHECK(small.translate(Gpa{page << 12}).has_value() == (page < 8));
    CHECK(w.reclaimer.pages_split() == 0);
    for (std::uint64_t page = 0; page < 8; ++page)
        (void)w.get(small, page << 12); // which were aged meanwhile

    std::uint64_t const free = w.pool.frames_free();
    CHECK(w.reclaimer.make_room(20, ignore_duty) == 20);
    CHECK(w.pool.frames_free() == free + 20); // the table has paid for itself
    CHECK(w.reclaimer.pages_split() == 1);
    CHECK_FALSE(w.is_large(large, 30 * 4096));
    CHECK(w.is_large(large, 2 * mib)); // accessed
    CHECK(small.translate(Gpa{0}));
    w.require_all_laws();
    // The rest of it leaves before anything that was accessed.
    (void)w.get(large, 2 * mib);
    CHECK(w.reclaimer.make_room(512 - 21, ignore_duty) == 512 - 21);
    CHECK(w.is_large(large, 2 * mib));
    CHECK(small.translate(Gpa{0}));
    CHECK(w.reclaimer.make_room(8 + 511, ignore_duty) == 8 + 511);
    CHECK(w.reclaimer.pages_split() == 2);
    CHECK(w.reclaimer.make_room(1, ignore_duty) == 0);
    w.require_all_laws();
    w.check(large, 0, 4 * mib);
    w.check(small, 0, 16 * 4096);
    w.require_all_laws();
}

TEST_CASE("the table to split a large page by is there when no other frame is") {
    LargeWorld w;
    auto& space = w.space(8 * mib, page_2m);
    w.fill(space, 0, 8 * mib);
    w.take_all_frames();
    CHECK(w.reclaimer.reserve().size() == TableReserve::capacity);
    CHECK(w.pool.frames_free() == 0);
    CHECK(w.reclaimer.make_room(5, ignore_duty) == 5);
    CHECK(w.pool.frames_free() == 5);
    CHECK(w.reclaimer.reserve().size() == TableReserve::capacity);
    w.take_all_frames();
    CHECK(w.reclaimer.make_room(2048, ignore_duty) == 2048 - 4 - 5);
    w.check(space, 0, 4 * mib);
    w.give_frames_back();
    w.check(space, 0, 8 * mib);
    w.spaces.clear();
    w.reclaimer.end();
    CHECK(w.pool.frames_used() == 1);
    CHECK(w.swap.area.slots_used() == 0);
}

TEST_CASE("a guest with large pages and twice the memory that there is finds all that it wrote") {
    LargeWorld w{2048 + 64};
    auto& space = w.space(16 * mib, page_2m);
    auto const with_room = [&](auto&& attempt) {
        for (;;) {
            auto answer = attempt();
            if (answer || answer.error() != SpaceError::out_of_frames) return answer;
            if (w.reclaimer.make_room(16, ignore_duty) == 0) return answer;
        }
    };
    Promoter<TestSpace> promoter{w.registry};
    for (unsigned round = 0; round < 3; ++round) {
        for (std::uint64_t gpa = 0; gpa < 16 * mib; gpa += 4096) {
            REQUIRE(with_room([&] {
                return w.mmu.write(space, Gpa{gpa}, static_cast<std::uint8_t>((gpa >> 12) + round));
            }));
            if (gpa % (64 << 12) == 0) (void)promoter.step(4, ignore_duty);
        }
        w.require_all_laws();
        for (std::uint64_t gpa = 0; gpa < 16 * mib; gpa += 4096) {
            auto const got = with_room([&] { return w.mmu.read(space, Gpa{gpa}); });
            REQUIRE(got);
            if (*got != static_cast<std::uint8_t>((gpa >> 12) + round)) FAIL("gpa " << gpa);
        }
    }
    CHECK(w.reclaimer.pages_split() >= 2);
}

TEST_CASE(
    "without a table, a slot or a device the large page stays whole or stays in parts, with its "
    "contents, and goes once there is one") {
    for (std::uint64_t kept = 0; kept <= TableReserve::capacity; ++kept) {
        CAPTURE(kept);
        LargeWorld w;
        auto& space = w.space(4 * mib, page_2m);
        w.fill(space, 0, 4 * mib);
        w.reclaimer.end();
        w.take_all_frames();
        for (std::uint64_t i = 0; i < kept; ++i) {
            w.pool.release(w.taken.back());
            w.taken.pop_back();
        }
        w.reclaimer.split_large_pages(w.pool); // finds no more than these
        CHECK(w.reclaimer.reserve().size() == kept);
        CHECK(w.reclaimer.make_room(3, ignore_duty) == (kept == 0 ? 0 : 3));
        CHECK(w.is_large(space, 0) == (kept == 0));
        w.give_frames_back();
        w.check(space, 0, 4 * mib);
        w.require_all_laws();
    }
    LargeWorld w{8192, 6};
    auto& space = w.space(4 * mib, page_2m);
    w.fill(space, 0, 4 * mib);
    w.swap.device.fail_writes = true;
    CHECK(w.reclaimer.make_room(3, ignore_duty) == 0);
    CHECK(w.reclaimer.reserve().size() == TableReserve::capacity);
    w.require_all_laws();
    w.swap.device.fail_writes = false;
    CHECK(w.reclaimer.make_room(100, ignore_duty) == 6);
    CHECK(w.swap.area.slots_used() == 6);
    w.check(space, 0, 4 * mib);
    w.require_all_laws();
}

TEST_CASE("a page of 1 GiB leaves by two tables") {
    LargeWorld w{3 << 18};
    auto& space = w.space(gib, page_1g);
    w.fill(space, 0, 4 * mib);
    REQUIRE(w.page_size_at(space, 0) == page_1g);
    w.take_all_frames();
    CHECK(w.reclaimer.make_room(30, ignore_duty) == 30);
    CHECK(w.page_size_at(space, 100 << 12) == page_4k);
    CHECK(w.page_size_at(space, 4 * mib) == page_2m);
    CHECK(w.reclaimer.make_room(1000, ignore_duty) == 1000);
    w.give_frames_back();
    w.check(space, 0, 4 * mib);
    w.require_all_laws();
}

TEST_CASE("large pages that others reach, and those of a space without a swap area, stay") {
    LargeWorld w;
    auto& shared = w.space(2 * mib, page_2m);
    w.fill(shared, 0, 2 * mib);
    auto& child = w.clone(shared);
    auto options = w.options(2 * mib, page_2m);
    options.swap = nullptr;
    auto& apart = w.space(options);
    w.fill(apart, 0, 2 * mib);
    CHECK(w.reclaimer.make_room(1, ignore_duty) == 0);
    CHECK(w.is_large(shared, 0));
    CHECK(w.is_large(apart, 0));
    w.spaces[1].reset();
    (void)child;
    CHECK(w.reclaimer.make_room(1, ignore_duty) == 1);
    CHECK_FALSE(w.is_large(shared, 0x1000));
    w.check(shared, 0, 2 * mib);
    w.require_all_laws();
}

TEST_CASE(
    "promotion leaves what was split alone while frames are low, and makes it whole again after") {
    LargeWorld w;
    Promoter<TestSpace> promoter{w.registry};
    auto& space = w.space(2 * mib, page_2m);
    auto& whole = w.space(2 * mib, page_2m);
    w.fill(space, 0, 2 * mib);
    w.take_all_frames();
    CHECK(w.reclaimer.make_room(4, ignore_duty) == 4);
    w.check(space, 0, 4 << 12); // a fifth gave its frame to the table
    CHECK(promoter.step(8, ignore_duty).promoted == 0);
    CHECK_FALSE(w.is_large(space, 0x5000));
    // Split and nothing gone: that would even take no frame.
    w.give_frames_back();
    w.fill(whole, 0, 2 * mib);
    REQUIRE(whole.split(Gpa{0}));
    w.take_all_frames();
    CHECK(promoter.step(8, ignore_duty).promoted == 0);
    w.give_frames_back();
    w.check(space, 0, 2 * mib);
    std::uint64_t promoted = 0;
    for (int i = 0; i < 3; ++i)
        promoted += promoter.step(8, ignore_duty).promoted;
    CHECK(promoted == 2);
    CHECK(w.is_large(space, 0x5000));
    CHECK(w.is_large(whole, 0x5000));
    w.check(space, 0, 2 * mib);
    w.require_all_laws();
}

} // namespace large_reclaim_test
