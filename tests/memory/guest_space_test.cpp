#include "catch.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"

#include <twofold/memory/guest_space.hpp>

#include <map>
#include <random>
#include <vector>

namespace guest_space_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Ept = EptFormat<4>;
using Space = GuestSpace<Ept, RecordingMemory>;

constexpr std::uint64_t mib = 1 << 20;

struct Fixture {
    explicit Fixture(std::uint64_t frames) : owned(frames) {}
    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;

    Space space(std::uint64_t bytes, PageSize leaf = page_4k) {
        auto made = Space::create(pool, memory, Ept{}, {.memory_bytes = bytes, .leaf = leaf});
        REQUIRE(made);
        return std::move(*made);
    }
};

Violation write_to(std::uint64_t gpa) { return {.gpa = Gpa{gpa}, .access = Access::write}; }

std::vector<std::byte> bytes_of(std::string const& text) {
    auto const* first = reinterpret_cast<std::byte const*>(text.data());
    return {first, first + text.size()};
}

} // namespace

TEST_CASE("a space refuses memory that its pages cannot make up") {
    Fixture f{64};
    auto refused = [&](std::uint64_t bytes, PageSize leaf) {
        return Space::create(f.pool, f.memory, Ept{}, {.memory_bytes = bytes, .leaf = leaf})
            .error();
    };
    CHECK(refused(0, page_4k) == SpaceError::bad_memory_size);
    CHECK(refused(4097, page_4k) == SpaceError::bad_memory_size);
    CHECK(refused(3 * mib, page_2m) == SpaceError::bad_memory_size);
    CHECK(refused((std::uint64_t{1} << 48) + 4096, page_4k) == SpaceError::bad_memory_size);
    CHECK(refused(~std::uint64_t{4095}, page_4k) == SpaceError::bad_memory_size);
    CHECK(refused(4 * mib, page_4m) == SpaceError::bad_page_size);
    CHECK(f.pool.frames_used() == 0);
}

TEST_CASE("a first touch maps one zeroed frame and asks for no invalidation") {
    Fixture f{64};
    auto space = f.space(2 * mib);
    CHECK(space.memory_frames() == 0);
    CHECK(space.table_frames() == 1);

    auto const answer = space.resolve(write_to(0x5123));
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::zero_filled);
    CHECK_FALSE(answer->duty.must_invalidate());
    CHECK(space.memory_frames() == 1);
    CHECK(space.table_frames() == 4);
    auto const hpa = space.translate(Gpa{0x5123});
    REQUIRE(hpa);
    CHECK(hpa->offset_in(4096) == 0x123);
    for (std::uint64_t i = 0; i < 4096; i += 8) {
        if (f.memory.get<std::uint64_t>(hpa->aligned_down(4096).value() + i) != 0)
            FAIL("frame not zeroed at " << i);
    }
    CHECK_FALSE(space.translate(Gpa{0x6000}));
}

TEST_CASE("a second touch of the same page finds it mapped and stores nothing") {
    Fixture f{64};
    auto space = f.space(2 * mib);
    REQUIRE(space.resolve(write_to(0x5000)));
    f.memory.forget_stores();
    auto const answer = space.resolve({.gpa = Gpa{0x5ff8}, .access = Access::execute});
    REQUIRE(answer);
    CHECK(answer->kind == Resolution::Kind::already_mapped);
    CHECK(f.memory.stores().empty());
}

TEST_CASE("a gpa beyond the guest's memory is refused and changes nothing") {
    Fixture f{64};
    auto space = f.space(2 * mib);
    std::uint64_t const used = f.pool.frames_used();
    for (std::uint64_t gpa : {2 * mib, 2 * mib + 1, std::uint64_t{1} << 47, ~std::uint64_t{0}}) {
        CHECK(space.resolve(write_to(gpa)).error() == SpaceError::outside_memory);
    }
    CHECK(f.memory.stores().empty());
    CHECK(f.pool.frames_used() == used);
}

TEST_CASE("each leaf size maps its whole page by one frame block") {
    for (PageSize leaf : {page_4k, page_2m, page_1g}) {
        Fixture f{3 << 18};
        auto space = f.space(leaf.bytes(), leaf);
        CAPTURE(leaf.bytes());
        REQUIRE(space.resolve(write_to(leaf.bytes() - 1)));
        CHECK(space.memory_frames() == leaf.frames());
        auto const first = space.translate(Gpa{0});
        REQUIRE(first);
        CHECK(first->is_aligned(leaf.bytes()));
        CHECK(space.translate(Gpa{leaf.bytes() - 1}) == *first + (leaf.bytes() - 1));
    }
}

TEST_CASE("populating maps all memory once, and a touch afterwards finds it") {
    Fixture f{2048};
    auto space = f.space(4 * mib);
    REQUIRE(space.resolve(write_to(mib)));
    auto const duty = space.populate();
    REQUIRE(duty);
    CHECK_FALSE(duty->must_invalidate());
    CHECK(space.memory_frames() == 1024);
    CHECK(space.table_frames() == 1 + 1 + 1 + 2);
    CHECK(space.resolve(write_to(0x1000))->kind == Resolution::Kind::already_mapped);
}

TEST_CASE("a space gives every frame back when it ends") {
    Fixture f{4096};
    {
        auto space = f.space(8 * mib);
        for (std::uint64_t gpa = 0; gpa < 8 * mib; gpa += 12288)
            REQUIRE(space.resolve(write_to(gpa)));
        auto moved = std::move(space);
        CHECK(f.pool.frames_used() == moved.memory_frames() + moved.table_frames());
    }
    CHECK(f.pool.frames_used() == 0);
}

TEST_CASE("out of frames is an answer, leaves nothing half-made, and hurts no other space") {
    for (std::uint64_t frames = 1; frames < 12; ++frames) {
        CAPTURE(frames);
        Fixture f{frames};
        {
            auto first = Space::create(f.pool, f.memory, Ept{}, {.memory_bytes = 2 * mib});
            REQUIRE(first);
            std::uint64_t mapped = 0;
            for (;; ++mapped) {
                std::uint64_t const used = f.pool.frames_used();
                auto const answer = first->resolve(write_to(mapped << 12));
                if (answer) continue;
                CHECK(answer.error() == SpaceError::out_of_frames);
                CHECK(f.pool.frames_used() == used);
                break;
            }
            CHECK(first->memory_frames() == mapped);
            CHECK_FALSE(first->translate(Gpa{mapped << 12}));
            for (std::uint64_t page = 0; page < mapped; ++page)
                CHECK(first->translate(Gpa{page << 12}));
        }
        CHECK(f.pool.frames_used() == 0);
    }
}

TEST_CASE("tables are complete before the one store that makes them visible") {
    Fixture f{64};
    auto space = f.space(4 * mib);
    for (std::uint64_t gpa : {std::uint64_t{0}, std::uint64_t{0x1000}, 2 * mib}) {
        f.memory.forget_stores();
        REQUIRE(space.resolve(write_to(gpa)));
        std::size_t const stores = f.memory.stores().size();
        for (std::size_t seen = 0; seen < stores; ++seen) {
            f.memory.rewind_to(seen);
            CHECK_FALSE(space.translate(Gpa{gpa}));
            f.memory.replay_from(seen);
        }
        CHECK(space.translate(Gpa{gpa}));
    }
}

TEST_CASE(
    "what the host writes is what it reads, across pages, and beyond memory nothing is touched") {
    Fixture f{64};
    auto space = f.space(16 * 4096);
    auto const text = bytes_of(std::string(5000, 'x') + "end");
    REQUIRE(space.write(Gpa{4090}, text));
    std::vector<std::byte> back(text.size());
    REQUIRE(space.read(Gpa{4090}, back));
    CHECK(back == text);
    REQUIRE(space.zero(Gpa{4091}, 5001));
    REQUIRE(space.read(Gpa{4090}, back));
    CHECK(back[0] == std::byte{'x'});
    CHECK(back[1] == std::byte{0});
    CHECK(back[5001] == std::byte{0});
    CHECK(back[5002] == std::byte{'d'});

    std::uint64_t const used = f.pool.frames_used();
    CHECK(space.write(Gpa{16 * 4096 - 1}, bytes_of("ab")).error() == SpaceError::outside_memory);
    CHECK(space.zero(Gpa{8}, ~std::uint64_t{0}).error() == SpaceError::outside_memory);
    CHECK(space.read(Gpa{~std::uint64_t{0}}, back).error() == SpaceError::outside_memory);
    CHECK(f.pool.frames_used() == used);
}

TEST_CASE("whatever two spaces are told, each reads its own bytes, and no frame is in both") {
    Fixture f{4096};
    {
        std::vector<Space> spaces;
        spaces.push_back(f.space(2 * mib));
        spaces.push_back(f.space(4 * mib, page_2m));
        std::vector<std::map<std::uint64_t, std::byte>> model(2);
        std::mt19937 random{11};
        for (int step = 0; step < 20'000; ++step) {
            std::size_t const which = random() % 2;
            std::uint64_t const gpa = random() % (2 * mib);
            if (random() % 2 == 0) {
                std::byte const value{static_cast<unsigned char>(random())};
                REQUIRE(spaces[which].write(Gpa{gpa}, {&value, 1}));
                model[which][gpa] = value;
            } else {
                std::byte value{1};
                REQUIRE(spaces[which].read(Gpa{gpa}, {&value, 1}));
                auto const known = model[which].find(gpa);
                if (value != (known == model[which].end() ? std::byte{0} : known->second)) {
                    FAIL("space " << which << " reads a byte that it never wrote at " << gpa);
                }
            }
        }
        CHECK(f.pool.frames_used() == spaces[0].memory_frames() + spaces[0].table_frames() +
                                          spaces[1].memory_frames() + spaces[1].table_frames());
    }
    CHECK(f.pool.frames_used() == 0);
}

} // namespace guest_space_test
