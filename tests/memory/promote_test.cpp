#include "catch.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"
#include "support/space_laws.hpp"

#include <twofold/memory/guest_space.hpp>

#include <optional>
#include <vector>

namespace promote_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Ept = EptFormat<4>;
using Space = GuestSpace<Ept, RecordingMemory>;

constexpr std::uint64_t mib = 1 << 20;

struct Fixture {
    explicit Fixture(std::uint64_t frames = 4096) : owned(frames) {}
    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;
    std::vector<std::optional<Space>> spaces;

    Space& space(std::uint64_t bytes, PageSize leaf = page_4k) {
        auto made = Space::create(pool, memory, Ept{}, {.memory_bytes = bytes, .leaf = leaf});
        REQUIRE(made);
        spaces.reserve(8);
        return *spaces.emplace_back(std::move(*made));
    }
    void put(Space& space, std::uint64_t gpa, std::uint8_t value) {
        std::byte const byte{value};
        REQUIRE(space.write(Gpa{gpa}, {&byte, 1}));
    }
    std::uint8_t get(Space& space, std::uint64_t gpa) const {
        auto const hpa = space.translate(Gpa{gpa});
        return hpa ? memory.get<std::uint8_t>(hpa->value()) : 0;
    }
    /// Maps the first 2 MiB by small pages that lie apart, and marks each with its number.
    void fill_apart(Space& space) {
        for (std::uint64_t page = 512; page-- > 0;)
            put(space, page << 12, static_cast<std::uint8_t>(page * 7));
    }
    bool intact(Space& space) const {
        for (std::uint64_t page = 0; page < 512; ++page) {
            if (get(space, page << 12) != static_cast<std::uint8_t>(page * 7)) return false;
        }
        return true;
    }
};

} // namespace

TEST_CASE("pages that lie apart become one large page with the same contents") {
    Fixture f;
    auto& space = f.space(4 * mib);
    f.fill_apart(space);
    std::uint64_t const used = f.pool.frames_used();
    auto const done = space.promote(Gpa{0x12345}, page_2m);
    REQUIRE(done);
    CHECK(done->moved);
    CHECK(done->duty.has(Duty::Reason::page_size_changed));
    CHECK(walk(Ept{}, space.root(), Gpa{0x1000}, f.memory)->page_size == page_2m);
    CHECK(f.intact(space));
    CHECK(f.pool.frames_used() == used - 1);
    require_space_laws(f.spaces, f.pool);
}

TEST_CASE("what a clone's write has split is joined again where it lies, without a copy") {
    Fixture f;
    auto& space = f.space(2 * mib, page_2m);
    f.fill_apart(space);
    f.spaces.emplace_back(std::move(space.clone()->space));
    f.put(*f.spaces.back(), 0x3000, 99);
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::shared);
    f.spaces.back().reset();
    for (std::uint64_t page = 0; page < 512; ++page) {
        REQUIRE(space.resolve({.gpa = Gpa{page << 12}, .access = Access::write}));
    }
    CHECK(walk(Ept{}, space.root(), Gpa{0}, f.memory)->page_size == page_4k);
    require_space_laws(f.spaces, f.pool);

    auto const done = space.promote(Gpa{0}, page_2m);
    REQUIRE(done);
    CHECK_FALSE(done->moved);
    CHECK(walk(Ept{}, space.root(), Gpa{0}, f.memory)->page_size == page_2m);
    CHECK(f.intact(space));
    require_space_laws(f.spaces, f.pool);
    f.spaces.clear();
    CHECK(f.pool.frames_used() == 0);
}

TEST_CASE("promotion is one store, and at every store before it the small pages are there") {
    Fixture f;
    auto& space = f.space(2 * mib);
    f.fill_apart(space);
    f.memory.forget_stores();
    REQUIRE(space.promote(Gpa{0}, page_2m));
    CHECK(f.memory.stores().size() == 1);
}

TEST_CASE("promotion refuses what is shared, partly mapped or not there, and changes nothing") {
    Fixture f;
    auto& space = f.space(8 * mib);
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::no_small_pages);
    f.put(space, 0x1000, 1);
    f.memory.forget_stores();
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::not_uniform);
    CHECK(space.promote(Gpa{100 * mib}, page_2m).error() == PromoteRefusal::no_small_pages);
    CHECK(space.promote(Gpa{0}, page_4k).error() == PromoteRefusal::no_small_pages);
    CHECK(f.memory.stores().empty());
    f.fill_apart(space);
    f.spaces.emplace_back(std::move(space.clone()->space));
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::shared);
    require_space_laws(f.spaces, f.pool);
}

TEST_CASE("promotion without a free block leaves the small pages as they are") {
    Fixture f{520};
    auto& space = f.space(2 * mib);
    f.fill_apart(space);
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::out_of_frames);
    CHECK(f.intact(space));
    require_space_laws(f.spaces, f.pool);
}

} // namespace promote_test
