#include "catch.hpp"
#include "support/space_world.hpp"

#include <array>
#include <vector>

namespace exhaustion_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// Two families of guests whose memory is small pages, large pages, shared and swapped.
struct Scene : SpaceWorld {
    Scene() : SpaceWorld(8192) {
        auto large_options = options(8 * mib, page_2m);
        large_options.executable = ExecutablePages::small_only;
        small = &space(gib);
        large = &space(large_options);
        for (std::uint64_t page = 512; page-- > 0;)
            put(*small, page << 12, static_cast<std::uint8_t>(page));
        put(*large, 0x1000, 3);
        put(*large, 4 * mib, 4);
        small_clone = &clone(*small);
        large_clone = &clone(*large);
        apart = &space(2 * mib);
        for (std::uint64_t page = 512; page-- > 0;)
            put(*apart, page << 12, static_cast<std::uint8_t>(page));
        alone = &space(8 * mib, page_2m);
        put(*alone, 0x1000, 3);
        put(*alone, 4 * mib, 4);
        swapped = &space(2 * mib);
        put(*swapped, 0x1000, 9);
        REQUIRE(swapped->swap_out(Gpa{0x1000}));
    }
    /// Leaves `count` free frames, none of them in a larger block where that can be.
    void leave(std::uint64_t count) {
        while (pool.frames_free() > count)
            taken.push_back(*pool.allocate());
    }
    void give_back() {
        for (Hpa frame : taken)
            pool.release(frame);
        taken.clear();
    }
    bool intact() {
        for (auto* one : {small, small_clone, apart}) {
            for (std::uint64_t page = 0; page < 512; page += 7) {
                if (peek(*one, page << 12) != static_cast<std::uint8_t>(page)) return false;
            }
        }
        for (auto* one : {large, large_clone, alone}) {
            if (peek(*one, 0x1000) != 3 || peek(*one, 4 * mib) != 4) return false;
        }
        return true;
    }

    TestSpace* small;
    TestSpace* large;
    TestSpace* small_clone;
    TestSpace* large_clone;
    TestSpace* apart;
    TestSpace* alone;
    TestSpace* swapped;
    std::vector<Hpa> taken;
    std::vector<std::uint64_t> log_words = std::vector<std::uint64_t>(DirtyLog::words_for(8 * mib));
    DirtyLog log{log_words};
};

struct Operation {
    char const* what;
    /// Frames that it takes.
    std::uint64_t frames;
    bool (*attempt)(Scene&);
};

bool resolved(TestSpace& space, std::uint64_t gpa, Access access) {
    auto const answer = space.resolve({.gpa = Gpa{gpa}, .access = access});
    if (!answer) CHECK(answer.error() == SpaceError::out_of_frames);
    return answer.has_value();
}

constexpr std::array<Operation, 12> operations{{
    {"a first write where three tables are missing", 4,
     [](Scene& s) {
         return resolved(*s.apart, 0, Access::write) && resolved(*s.swapped, mib, Access::write);
     }},
    {"a first write beside what a clone shares", 4,
     [](Scene& s) { return resolved(*s.small, 4 * mib, Access::write); }},
    {"a copy-on-write break with its three tables", 4,
     [](Scene& s) { return resolved(*s.small_clone, 0x1000, Access::write); }},
    {"a write to a shared large page", 4,
     [](Scene& s) { return resolved(*s.large_clone, 0x1000, Access::write); }},
    {"a fetch from a shared large page", 3,
     [](Scene& s) { return resolved(*s.large_clone, 0x1000, Access::execute); }},
    {"a page that comes back from the swap device", 1,
     [](Scene& s) { return resolved(*s.swapped, 0x1000, Access::read); }},
    {"a clone", 1, [](Scene& s) { return s.small->clone().has_value(); }},
    {"a split", 1, [](Scene& s) { return s.alone->split(Gpa{0}).has_value(); }},
    {"giving back a part of a large page", 1,
     [](Scene& s) { return !s.alone->release(Gpa{mib}, 4096).error; }},
    {"giving back a page of a shared table", 3,
     [](Scene& s) { return !s.small->release(Gpa{4096 * 6}, 4096).error; }},
    {"logging by dirty bits", 2,
     [](Scene& s) {
         bool const started = s.alone->start_logging(s.log, DirtyMeans::dirty_bits).has_value();
         if (started) s.alone->stop_logging();
         return started;
     }},
    {"writing by the host across two shared pages", 5,
     [](Scene& s) {
         std::array const bytes{std::byte{1}, std::byte{2}};
         return s.small_clone->write(Gpa{0x1fff}, bytes).has_value();
     }},
}};

} // namespace

TEST_CASE(
    "whatever runs out of frames, at whichever allocation, harms nobody, and goes through once "
    "there are enough") {
    for (auto const& [what, frames, attempt] : operations) {
        CAPTURE(what);
        Scene scene;
        std::uint64_t needed = 0;
        for (bool done = false; !done && needed < 16; ++needed) {
            Scene one;
            one.leave(needed);
            done = attempt(one);
            CHECK(one.pool.frames_free() <= needed);
            one.give_back();
            if (!done) {
                REQUIRE(one.intact());
                CHECK(attempt(one)); // and what had begun does not stand in its way
            }
            one.require_laws();
            one.spaces.clear();
            CHECK(one.pool.frames_used() == 1);
            CHECK(one.swap.area.slots_used() == 0);
        }
        CHECK(needed - 1 <= frames);
    }
}

TEST_CASE("promotion that finds no block leaves the pages where they are") {
    Scene scene;
    scene.leave(511);
    CHECK(scene.apart->promote(Gpa{0}, page_2m).error() == PromoteRefusal::out_of_frames);
    scene.give_back();
    CHECK(scene.intact());
    scene.require_laws();
}

TEST_CASE("what a failed operation has changed is owed, and comes with the next answer") {
    Scene scene;
    scene.leave(2); // two of three tables, no page
    CHECK_FALSE(resolved(*scene.small_clone, 0x1000, Access::write));
    scene.give_back();
    auto const answer =
        scene.small_clone->resolve({.gpa = Gpa{600 * mib}, .access = Access::write});
    REQUIRE(answer);
    CHECK(answer->duty.has(Duty::Reason::frame_changed)); // the tables that were copied
    CHECK_FALSE(scene.small_clone->owed().must_invalidate());
}

} // namespace exhaustion_test
