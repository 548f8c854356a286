#include "catch.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"
#include "support/space_laws.hpp"

#include <twofold/memory/guest_space.hpp>

#include <array>
#include <optional>
#include <random>
#include <vector>

namespace clone_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Ept = EptFormat<4>;
using Space = GuestSpace<Ept, RecordingMemory>;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;

struct Fixture {
    explicit Fixture(std::uint64_t frames = 8192) : owned(frames) {
        zero_frame = pool.allocate();
        memory.zero(*zero_frame, 4096);
    }
    Space space(std::uint64_t bytes, PageSize leaf = page_4k) {
        auto made = Space::create(pool, memory, Ept{},
                                  {.memory_bytes = bytes, .leaf = leaf, .zero_frame = zero_frame});
        REQUIRE(made);
        return std::move(*made);
    }
    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;
    std::optional<Hpa> zero_frame;
};

void put(Space& space, std::uint64_t gpa, std::uint8_t value) {
    std::byte const byte{value};
    REQUIRE(space.write(Gpa{gpa}, {&byte, 1}));
}

std::uint8_t get(Space& space, std::uint64_t gpa) {
    std::byte byte{};
    REQUIRE(space.read(Gpa{gpa}, {&byte, 1}));
    return std::to_integer<std::uint8_t>(byte);
}

Space clone_of(Space& space) {
    auto cloned = space.clone();
    REQUIRE(cloned);
    return std::move(cloned->space);
}

Violation access_to(std::uint64_t gpa, Access access) {
    return {.gpa = Gpa{gpa}, .access = access};
}

} // namespace

TEST_CASE("a first read shares the zero frame, and a first write gets a private one") {
    Fixture f;
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
        Fixture f{32768};
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
    Fixture f;
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
    Fixture f;
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
    Fixture f;
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
    Fixture f;
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
    Fixture f;
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
    Fixture f;
    auto parent = f.space(2 * mib);
    put(parent, 0x1000, 1);
    auto child = clone_of(parent);
    CHECK(get(child, 0x8000) == 0);
    CHECK(parent.translate(Gpa{0x8000}) == f.zero_frame);
    put(child, 0x8000, 3);
    CHECK(get(parent, 0x8000) == 0);
}

TEST_CASE("a large page that is shared is split by one store, and only what is written is copied") {
    Fixture f{4096};
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
    CHECK(walk(Ept{}, parent.root(), Gpa{0}, f.memory)->page_size == page_2m);
    CHECK(walk(Ept{}, child.root(), Gpa{0}, f.memory)->page_size == page_4k);
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
        Fixture f{frames};
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

namespace {

/// Spaces beside a plain model: for each, the first byte of each of a few pages that lie near and
/// far from each other.
struct Population {
    static constexpr std::array<std::uint64_t, 12> pages{
        0,          0x1000, 0x2000,       0x1f'f000,        0x20'0000, 0x20'1000,
        gib - 4096, gib,    gib + 0x5000, 2 * gib + 0x7000, 600 * gib, 600 * gib + 0x20'0000};
    static constexpr std::size_t most = 12;

    using Bytes = std::array<std::uint8_t, pages.size()>;

    explicit Population(std::uint32_t seed, PageSize leaf = page_4k)
        : f(leaf == page_4k ? 8192 : 65536), random(seed) {
        spaces.emplace_back(f.space(1024 * gib, leaf));
        model.push_back({});
    }

    std::size_t any() {
        std::size_t const start = random() % spaces.size();
        for (std::size_t i = 0; i < spaces.size(); ++i) {
            if (spaces[(start + i) % spaces.size()]) return (start + i) % spaces.size();
        }
        return 0;
    }
    std::size_t living() const {
        return static_cast<std::size_t>(std::count_if(spaces.begin(), spaces.end(),
                                                      [](auto const& s) { return s.has_value(); }));
    }
    void clone() {
        std::size_t const from = any();
        auto cloned = spaces[from]->clone();
        REQUIRE(cloned);
        for (std::size_t i = 0; i < spaces.size(); ++i) {
            if (!spaces[i]) {
                spaces[i].emplace(std::move(cloned->space));
                model[i] = model[from];
                return;
            }
        }
        spaces.emplace_back(std::move(cloned->space));
        model.push_back(Bytes{model[from]});
    }
    void step() {
        std::size_t const who = any();
        std::size_t const page = random() % pages.size();
        switch (random() % 10) {
        case 0:
            if (living() < most) clone();
            break;
        case 1:
            if (living() > 1 && random() % 2 == 0) spaces[who].reset();
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            model[who][page] = static_cast<std::uint8_t>(random());
            put(*spaces[who], pages[page], model[who][page]);
            break;
        default:
            if (get(*spaces[who], pages[page]) != model[who][page])
                FAIL("space " << who << ", page " << page);
        }
    }
    void check_contents() {
        for (std::size_t who = 0; who < spaces.size(); ++who) {
            if (!spaces[who]) continue;
            for (std::size_t page = 0; page < pages.size(); ++page) {
                auto const hpa = spaces[who]->translate(Gpa{pages[page]});
                std::uint8_t const there = hpa ? f.memory.get<std::uint8_t>(hpa->value()) : 0;
                if (there != model[who][page])
                    FAIL("space " << who << " reads another's byte on page " << page);
            }
        }
    }

    Fixture f;
    std::mt19937 random;
    std::vector<std::optional<Space>> spaces;
    std::vector<Bytes> model;
};

} // namespace

TEST_CASE("whatever is cloned, written, read and dropped, each space reads what it wrote") {
    for (std::uint32_t seed : {1U, 2U}) {
        Population p{seed, seed % 2 == 0 ? page_2m : page_4k};
        for (int step = 0; step < 10'000; ++step) {
            p.step();
            if (step % 50 == 0) require_space_laws(p.spaces, p.f.pool, p.f.zero_frame);
            if (step % 500 == 0) p.f.memory.forget_stores();
        }
        p.check_contents();
        p.spaces.clear();
        CHECK(p.f.pool.frames_used() == 1);
    }
}

TEST_CASE("at every store on the way, every space reads exactly what it wrote before") {
    Population p{99, GENERATE(page_4k, page_2m)};
    for (int round = 0; round < 400; ++round) {
        for (int i = 0; i < 5; ++i)
            p.step();
        p.f.memory.forget_stores();
        std::size_t const who = p.any();
        std::uint64_t const gpa = Population::pages[p.random() % Population::pages.size()];
        if (round % 4 == 0 && p.living() < Population::most) {
            p.clone();
        } else {
            REQUIRE(p.spaces[who]->resolve(
                access_to(gpa, round % 2 == 0 ? Access::read : Access::write)));
        }
        std::size_t const stores = p.f.memory.stores().size();
        for (std::size_t seen = stores; seen-- > 0;) {
            p.f.memory.rewind_to(seen);
            // A clone's root is nothing to anybody before it is complete.
            if (round % 4 != 0) p.check_contents();
            p.f.memory.replay_from(seen);
        }
        p.check_contents();
    }
}

namespace {

struct CloneCost {
    std::uint64_t reads;
    std::size_t stores;
    std::uint64_t frames;
    friend bool operator==(CloneCost const&, CloneCost const&) = default;
};

CloneCost clone_cost(std::uint64_t touched, PageSize leaf) {
    Fixture f{(touched >> 12) + (std::uint64_t{1} << 18)};
    auto space = f.space(64 * gib, leaf);
    for (std::uint64_t gpa = 0; gpa < touched; gpa += leaf.bytes())
        REQUIRE(space.resolve(access_to(gpa, Access::write)));
    f.memory.forget_stores();
    std::uint64_t const reads = f.memory.reads();
    std::uint64_t const used = f.pool.frames_used();
    auto const child = clone_of(space);
    return {f.memory.reads() - reads, f.memory.stores().size(), f.pool.frames_used() - used};
}

} // namespace

TEST_CASE("a clone makes the same references for 16 MiB, 512 MiB and 64 GiB touched") {
    auto const small = clone_cost(16 * mib, page_4k);
    CHECK(small == CloneCost{1, 2, 1});
    CHECK(clone_cost(512 * mib, page_2m) == small);
    CHECK(clone_cost(64 * gib, page_1g) == small);
}

TEST_CASE("clones of clones of clones go on alone, whichever of them ends first") {
    for (unsigned first : {0U, 1U, 2U, 3U}) {
        for (unsigned second : {0U, 1U, 2U, 3U}) {
            if (first == second) continue;
            CAPTURE(first, second);
            Fixture f;
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

TEST_CASE("frames after N clones that write W pages each follow the closed form") {
    struct Case {
        std::uint64_t clones;
        std::uint64_t pages;
    };
    for (auto const& [clones, pages] :
         {Case{0, 0}, Case{1, 1}, Case{1, 16}, Case{16, 1}, Case{100, 0}, Case{1000, 0},
          Case{1000, 1}, Case{1000, 16}, Case{16, 512}, Case{4, 4096}, Case{16, 4096}}) {
        CAPTURE(clones, pages);
        // The memory that was written, its tables, and what all clones copy of both.
        std::uint64_t const touched = std::max<std::uint64_t>(512, pages);
        Fixture f{(std::uint64_t{1} << 14) + clones * (pages + 16)};
        auto parent = f.space(16 * mib);
        for (std::uint64_t page = 0; page < touched; ++page)
            REQUIRE(parent.resolve(access_to(page << 12, Access::write)));
        std::uint64_t const before = f.pool.frames_used();
        std::vector<Space> children;
        children.reserve(clones);
        for (std::uint64_t i = 0; i < clones; ++i) {
            children.push_back(clone_of(parent));
            for (std::uint64_t page = 0; page < pages; ++page)
                REQUIRE(children.back().resolve(access_to(page << 12, Access::write)));
        }
        // A root; two tables of the path and one for each 2 MiB that is written; the pages.
        std::uint64_t const tables = pages > 0 ? 2 + (pages + 511) / 512 : 0;
        CHECK(f.pool.frames_used() - before == clones * (1 + tables + pages));
    }
}

} // namespace clone_test
