#include "catch.hpp"
#include "support/clone_scene.hpp"
#include "support/space_laws.hpp"

#include <optional>
#include <vector>

namespace clone_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::test::clone_scene;

TEST_CASE("a first read shares the zero frame, and a first write gets a private one") {
    CloneScene f;
    auto space = f.space(2 * mib);
    CHECK(space.resolve(access_to(0x5000, Access::read))->kind == Resolution::Kind::zero_shared);
    CHECK(space.resolve(access_to(0x6000, Access::execute))->kind == Resolution::Kind::zero_shared);
    CHECK(space.memory_frames() == 0);
    auto const answer = space.resolve(access_to(0x5000, Access::write));
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::zero_filled);
    // Another alias of the page may have the zero frame cached.
    CHECK(answer->duty.has(Duty::Reason::frame_changed));
    CHECK(space.memory_frames() == 1);
    CHECK(get(space, 0x5000) == 0);
}

TEST_CASE("a clone takes one frame and as many stores, however much memory is touched") {
    std::vector<std::size_t> stores;
    for (std::uint64_t touched : {16 * mib, 64 * mib}) {
        CloneScene f{32768};
        auto space = f.space(64 * gib);
        for (std::uint64_t gpa = 0; gpa < touched; gpa += 4096)
            REQUIRE(space.resolve(access_to(gpa, Access::write)));
        std::uint64_t const used = f.pool.frames_used();
        f.memory.forget_stores();
        auto const child = clone_of(space);
        stores.push_back(f.memory.stores().size());
        CHECK(f.pool.frames_used() == used + 1);
    }
    CHECK(stores[0] == stores[1]);
    CHECK(stores[0] == 2);
}

TEST_CASE("cloning takes write permission from the parent, which must invalidate; a parent that "
          "had none need not") {
    CloneScene f;
    auto space = f.space(2 * mib);
    put(space, 0x1000, 1);
    auto first = space.clone();
    REQUIRE(first);
    CHECK(first->duty.has(Duty::Reason::permission_removed));
    auto second = space.clone();
    REQUIRE(second);
    CHECK_FALSE(second->duty.must_invalidate());
}

TEST_CASE("a write to a shared page copies the path and the page once, for the writer alone") {
    CloneScene f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 7);
    put(parent, 0x2000, 8);
    auto child = clone_of(parent);
    std::uint64_t const used = f.pool.frames_used();

    auto const answer = child.resolve(access_to(0x1000, Access::write));
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::copied);
    CHECK(answer->tables_unshared == 3);
    CHECK(answer->duty.has(Duty::Reason::frame_changed));
    CHECK(f.pool.frames_used() == used + 4);
    put(child, 0x1000, 9);
    CHECK(get(parent, 0x1000) == 7);
    CHECK(get(child, 0x1000) == 9);

    auto const next = child.resolve(access_to(0x2000, Access::write));
    REQUIRE(next);
    CHECK(next->tables_unshared == 0);
    CHECK(f.pool.frames_used() == used + 5);
}

TEST_CASE("the last sharer takes frames over instead of copying them") {
    CloneScene f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 7);
    auto child = std::optional{clone_of(parent)};
    put(*child, 0x1000, 9);
    std::uint64_t const used = f.pool.frames_used();
    auto const answer = parent.resolve(access_to(0x1000, Access::write));
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::taken_over);
    CHECK(answer->tables_unshared == 0);
    CHECK_FALSE(answer->duty.must_invalidate()); // permissions were only added
    CHECK(f.pool.frames_used() == used);
    CHECK(get(parent, 0x1000) == 7);
}

TEST_CASE("when the clone is gone, one store gives the parent its whole memory back") {
    CloneScene f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 7);
    { auto const child = clone_of(parent); }
    f.memory.forget_stores();
    auto const answer = parent.resolve(access_to(0x1000, Access::write));
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::already_mapped);
    CHECK(f.memory.stores().size() == 1);
}

TEST_CASE("a page that nobody had touched is private to who touches it first after the clone") {
    CloneScene f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 1);
    auto child = clone_of(parent);
    put(child, 0x8000, 5);
    CHECK(get(parent, 0x8000) == 0);
    put(parent, 0x8000, 6);
    CHECK(get(child, 0x8000) == 5);
    CHECK(get(parent, 0x8000) == 6);
}

TEST_CASE("a read after the clone brings in the zero frame for all who share the table") {
    CloneScene f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 1);
    auto child = clone_of(parent);
    CHECK(get(child, 0x8000) == 0);
    CHECK(parent.translate(Gpa{0x8000}) == f.zero_frame);
    put(child, 0x8000, 3);
    CHECK(get(parent, 0x8000) == 0);
}

TEST_CASE("a large page that is shared is split by one store, and only what is written is copied") {
    CloneScene f{4096};
    std::vector<std::optional<Space>> spaces;
    spaces.reserve(2);
    spaces.emplace_back(f.space(4 * mib, page_2m));
    put(*spaces[0], 0x1000, 1);
    put(*spaces[0], 0x2000, 3);
    spaces.emplace_back(clone_of(*spaces[0]));
    Space& parent = *spaces[0];
    Space& child = *spaces[1];
    put(child, 0x1000, 2);
    CHECK(get(parent, 0x1000) == 1);
    CHECK(get(child, 0x1000) == 2);
    CHECK(get(child, 0x2000) == 3);
    CHECK(child.memory_frames() == 1);
    CHECK(walk(EptFormat<4>{}, parent.root(), Gpa{0}, f.memory)->page_size == page_2m);
    CHECK(walk(EptFormat<4>{}, child.root(), Gpa{0}, f.memory)->page_size == page_4k);
    require_space_laws(spaces, f.pool, f.zero_frame);

    put(parent, 0x1000, 4); // its page is its own by now: nothing is copied
    CHECK(parent.memory_frames() == 512);
    CHECK(get(child, 0x1000) == 2);
    require_space_laws(spaces, f.pool, f.zero_frame);
    spaces[0].reset();
    require_space_laws(spaces, f.pool, f.zero_frame);
    CHECK(get(child, 0x2000) == 3);
}

TEST_CASE(
    "a clone that cannot have a root, or a path of its own, leaves both spaces as they were") {
    for (std::uint64_t frames = 6; frames < 12; ++frames) {
        CAPTURE(frames);
        CloneScene f{frames};
        std::vector<std::optional<Space>> spaces;
        spaces.emplace_back(f.space(2 * mib));
        put(*spaces[0], 0x1000, 1);
        auto child = spaces[0]->clone();
        if (!child) {
            CHECK(child.error() == SpaceError::out_of_frames);
        } else {
            spaces.emplace_back(std::move(child->space));
            auto const answer = spaces[1]->resolve(access_to(0x1000, Access::write));
            CHECK(answer.has_value() == (frames == 11));
        }
        for (auto& space : spaces)
            CHECK(get(*space, 0x1000) == 1);
        require_space_laws(spaces, f.pool, f.zero_frame);
    }
}

TEST_CASE("clones of clones of clones go on alone, whichever of them ends first") {
    for (unsigned first : {0U, 1U, 2U, 3U}) {
        for (unsigned second : {0U, 1U, 2U, 3U}) {
            if (first == second) continue;
            CAPTURE(first, second);
            CloneScene f;
            std::vector<std::optional<Space>> line;
            line.reserve(4);
            line.emplace_back(f.space(4 * mib));
            for (std::uint64_t page = 0; page < 8; ++page)
                put(*line[0], page << 12, 10);
            for (std::uint8_t generation = 1; generation < 4; ++generation) {
                line.emplace_back(clone_of(*line.back()));
                put(*line.back(), std::uint64_t{generation} << 12, generation);
            }
            for (unsigned gone : {first, second}) {
                line[gone].reset();
                require_space_laws(line, f.pool, f.zero_frame);
                for (unsigned who = 0; who < 4; ++who) {
                    for (std::uint8_t page = 0; line[who] && page < 8; ++page)
                        CHECK(get(*line[who], std::uint64_t{page} << 12) ==
                              (page >= 1 && page <= who ? page : 10));
                }
            }
            line.clear();
            CHECK(f.pool.frames_used() == 1);
        }
    }
}

} // namespace clone_test
