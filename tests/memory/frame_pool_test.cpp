#include "catch.hpp"
#include "support/pool_of.hpp"

#include <twofold/memory/frame_pool.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace frame_pool_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t first = 1 << 18;

constexpr Hpa frame_at(std::uint64_t number) { return Hpa{number << 12}; }
constexpr std::uint64_t frames_of(unsigned level) { return std::uint64_t{1} << 9 * (level - 1); }

} // namespace

TEST_CASE("a frame costs 32 bytes of metadata or fewer") {
    CHECK(FrameMetadata::bytes_for(1 << 20) <= (1 << 20) * std::uint64_t{32});
}

TEST_CASE("an empty pool answers that it has nothing") {
    PoolOf owned{16, 0, true};
    CHECK_FALSE(owned.pool.allocate());
    CHECK(owned.pool.frames_total() == 0);
}

TEST_CASE("a pool takes whole frames only, and only those that it has metadata for") {
    PoolOf owned{16, 0, true};
    FramePool& pool = owned.pool;
    CHECK(pool.add(Hpa{1}, Hpa{3 * 4096 + 4095}) == 2);
    CHECK(pool.add(Hpa{4096 * 14}, Hpa{4096 * 100}) == 2);
    CHECK(pool.add(Hpa{4096 * 50}, Hpa{4096 * 100}) == 0);
    CHECK(pool.add(Hpa{4096 * 5 + 1}, Hpa{4096 * 5 + 2}) == 0);
    CHECK(pool.frames_total() == 4);
}

TEST_CASE("every block is aligned to its size") {
    PoolOf owned{1 << 19, 0, true};
    FramePool& pool = owned.pool;
    pool.add(frame_at(3), frame_at((1 << 19) - 5));
    for (unsigned level : {1U, 2U, 1U, 2U}) {
        auto const block = pool.allocate(level);
        REQUIRE(block);
        CHECK(block->is_aligned(frames_of(level) << 12));
    }
    CHECK_FALSE(pool.allocate(3)); // both gibibytes lack a few frames
}

TEST_CASE("what was taken in small parts is whole again when they come back") {
    PoolOf owned{1 << 18};
    std::vector<Hpa> taken;
    while (auto frame = owned.pool.allocate())
        taken.push_back(*frame);
    CHECK(taken.size() == 1 << 18);
    std::shuffle(taken.begin(), taken.end(), std::mt19937{7});
    for (Hpa frame : taken)
        owned.pool.release(frame);
    CHECK(owned.pool.frames_used() == 0);
    CHECK(owned.pool.allocate(3) == frame_at(0));
}

TEST_CASE("a block is free when its last reference goes, and not before") {
    PoolOf owned{1024};
    FramePool& pool = owned.pool;
    auto const block = pool.allocate(2);
    REQUIRE(block);
    pool.retain(*block, 2);
    CHECK(pool.references(*block, 2) == 2);
    CHECK(pool.release(*block, 2) == 1);
    CHECK(pool.frames_used() == 512);
    CHECK(pool.release(*block, 2) == 0);
    CHECK(pool.frames_used() == 0);
}

TEST_CASE("absent memory never joins a block") {
    PoolOf owned{1024, 0, true};
    FramePool& pool = owned.pool;
    pool.add(frame_at(0), frame_at(512));
    pool.add(frame_at(513), frame_at(1024));
    CHECK(pool.frames_total() == 1023);
    CHECK(pool.allocate(2) == frame_at(0));
    CHECK_FALSE(pool.allocate(2));
}

TEST_CASE(
    "a block that was split while shared is free part by part, as nobody reaches a part any more") {
    PoolOf owned{512};
    FramePool& pool = owned.pool;
    Hpa const block = *pool.allocate(2);
    pool.retain(block, 2); // two large leaves
    pool.split(block, 2);  // one of them becomes a table of 512
    CHECK(pool.references(block, 2) == 1);
    CHECK(pool.references(block + 4096, 1) == 1);
    CHECK_FALSE(pool.exclusive(block, 2));
    CHECK_FALSE(pool.exclusive(block + 4096, 1));

    pool.release(block + 4096); // the other leaf still reaches it
    CHECK(pool.frames_used() == 512);
    pool.release(block, 2);
    CHECK(pool.frames_used() == 511);
    CHECK(pool.exclusive(block, 1));
    for (std::uint64_t i = 0; i < 512; ++i) {
        if (i != 1) pool.release(block + i * 4096);
    }
    CHECK(pool.frames_used() == 0);
    CHECK(pool.allocate(2) == block);
}

TEST_CASE("a gibibyte splits into blocks of 2 MiB, and these into frames") {
    PoolOf owned{1 << 18};
    FramePool& pool = owned.pool;
    Hpa const block = *pool.allocate(3);
    pool.split(block, 3);
    CHECK(pool.exclusive(block, 2));
    pool.split(block, 2);
    CHECK(pool.exclusive(block, 1));
    pool.release(block);
    CHECK(pool.frames_free() == 1);
    pool.release(block + (std::uint64_t{2} << 20), 2);
    CHECK(pool.frames_free() == 513);
    CHECK(pool.allocate(2) == block + (std::uint64_t{2} << 20));
}

TEST_CASE("neighbours that are joined are one block, and free as one") {
    PoolOf owned{512};
    FramePool& pool = owned.pool;
    Hpa const block = *pool.allocate(2);
    pool.split(block, 2);
    pool.join(block, 2);
    CHECK(pool.exclusive(block, 2));
    CHECK(pool.references(block + 4096, 1) == 0);
    pool.release(block, 2);
    CHECK(pool.frames_used() == 0);
}

TEST_CASE("a free frame that something has a reference to is withheld, and another handed out") {
    PoolOf owned{1024, first};
    FramePool& pool = owned.pool;
    Hpa one;
    REQUIRE(pool.take(one));
    Hpa const next = one + 4096;
    pool.retain(next);
    CHECK(pool.faults() == 1);
    Hpa two;
    REQUIRE(pool.take(two));
    CHECK(two != next);
    CHECK(pool.faults() == 2);
    std::uint64_t const used = pool.frames_used();
    CHECK(used == 3); // what is withheld counts
    std::uint64_t rest = 0;
    while (auto const frame = pool.allocate()) {
        if (*frame == next) FAIL("the withheld frame was handed out");
        ++rest;
    }
    CHECK(rest == 1024 - used);
}

TEST_CASE("so is a large block that an entry of any level reaches a part of") {
    for (auto const& [level, offset] : {std::pair{1U, 0x5000}, std::pair{2U, 0}}) {
        PoolOf owned{1024, first};
        FramePool& pool = owned.pool;
        pool.retain(frame_at(first) + static_cast<std::uint64_t>(offset), level);
        CHECK(pool.allocate(2) == frame_at(first + 512));
        CHECK(pool.faults() == 2);
        CHECK_FALSE(pool.allocate(2));
    }
}

TEST_CASE("who gives back what has no reference is counted, and frees nothing twice") {
    PoolOf owned{16, first};
    FramePool& pool = owned.pool;
    Hpa const frame = pool.allocate().value();
    CHECK(pool.release(frame) == 0);
    CHECK(pool.faults() == 0);
    CHECK(pool.release(frame) == 0);
    CHECK(pool.faults() == 1);
    CHECK(pool.frames_free() == 16);
    CHECK(pool.references(frame) == 0);
}

TEST_CASE("random sequences never hand out a frame twice, and lose none") {
    constexpr std::uint64_t frames = 4096;
    PoolOf owned{frames, first, true};
    FramePool& pool = owned.pool;
    pool.add(frame_at(first + 10), frame_at(first + 2000));
    pool.add(frame_at(first + 2001), frame_at(first + frames));
    std::uint64_t const total = pool.frames_total();
    std::mt19937 random{20261123};
    std::vector<int> owner(frames, 0);
    std::map<std::uint64_t, unsigned> live; // head -> level
    std::uint64_t used = 0;

    auto mark = [&](std::uint64_t head, unsigned level, int from, int to) {
        for (std::uint64_t i = 0; i < frames_of(level); ++i) {
            auto& cell = owner[head - first + i];
            if (cell != from) FAIL("frame " << head + i << " handed out twice");
            cell = to;
        }
    };
    for (int step = 0; step < 100'000; ++step) {
        if (random() % 2 == 0 || live.empty()) {
            unsigned const level = random() % 50 == 0 ? 2 : 1;
            auto const block = pool.allocate(level);
            if (!block) {
                REQUIRE(used > 0);
                continue;
            }
            std::uint64_t const head = block->value() >> 12;
            mark(head, level, 0, 1);
            live[head] = level;
            used += frames_of(level);
        } else {
            auto victim = live.lower_bound(first + random() % frames);
            if (victim == live.end()) victim = live.begin();
            auto const [head, level] = *victim;
            live.erase(victim);
            if (level == 2 && random() % 2 == 0) {
                pool.split(frame_at(head), 2);
                for (std::uint64_t i = 0; i < 512; ++i)
                    live[head + i] = 1;
                continue;
            }
            mark(head, level, 1, 0);
            pool.release(frame_at(head), level);
            used -= frames_of(level);
        }
        if (pool.frames_used() != used) FAIL("count of used frames is wrong at step " << step);
    }
    for (auto const& [head, level] : live)
        pool.release(frame_at(head), level);
    CHECK(pool.frames_free() == total);
    std::uint64_t singles = 0;
    while (pool.allocate())
        ++singles;
    CHECK(singles == total);
}

} // namespace frame_pool_test
