#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/merger.hpp>

#include <vector>

namespace merger_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// A world whose merger has room for `candidates` different pages.
struct MergingWorld : SpaceWorld {
    explicit MergingWorld(std::size_t candidates = 64)
        : SpaceWorld(16384), nodes(candidates), buckets(64), merger(registry, nodes, buckets) {}

    Merging pass() {
        return merger.pass([&](TestSpace&, Duty duty) { duties |= duty; });
    }
    void fill(TestSpace& space, std::uint64_t gpa, std::uint8_t value) {
        std::vector const page(4096, std::byte{value});
        REQUIRE(space.write(Gpa{gpa}, page));
    }
    std::vector<MergeCandidate> nodes;
    std::vector<MergeIndex::bucket_type> buckets;
    Merger<TestSpace> merger;
    Duty duties;
};

} // namespace

TEST_CASE("identical pages of one space and of several share one frame, read-only, and part on a "
          "write") {
    MergingWorld w;
    auto& a = w.space(2 * mib);
    auto& b = w.space(2 * mib);
    w.fill(a, 0x1000, 7);
    w.fill(a, 0x9000, 7);
    w.fill(b, 0x4000, 7);
    w.fill(b, 0x5000, 8);
    std::uint64_t const used = w.pool.frames_used();
    auto const result = w.pass();
    CHECK(result.merged == 2);
    CHECK(result.zeroed == 0);
    CHECK(result.hashed == 4);
    CHECK(result.pass_ended);
    CHECK(w.pool.frames_used() == used - 2);
    CHECK(a.translate(Gpa{0x1000}) == a.translate(Gpa{0x9000}));
    CHECK(a.translate(Gpa{0x1000}) == b.translate(Gpa{0x4000}));
    CHECK(w.duties.has(Duty::Reason::permission_removed));
    CHECK(w.duties.has(Duty::Reason::frame_changed));
    w.require_laws();

    w.put(b, 0x4000, 9);
    CHECK(w.get(a, 0x1000) == 7);
    CHECK(w.get(b, 0x4000) == 9);
    CHECK(w.get(b, 0x4001) == 7);
    w.put(a, 0x1000, 1);
    CHECK(w.get(a, 0x9000) == 7);
    w.require_laws();
}

TEST_CASE("pages of zeros share the zero frame") {
    MergingWorld w;
    auto& space = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 8; ++page)
        w.fill(space, page << 12, 0);
    std::uint64_t const used = w.pool.frames_used();
    CHECK(w.pass().zeroed == 8);
    CHECK(w.pool.frames_used() == used - 8);
    CHECK(space.translate(Gpa{0x3000}) == *w.zero_frame);
    CHECK(w.pass().hashed == 0);
    w.put(space, 0x3000, 1);
    CHECK(w.get(space, 0x4000) == 0);
    w.require_laws();
}

TEST_CASE("pages that differ in one bit stay apart, and a second pass finds nothing new") {
    MergingWorld w;
    auto& space = w.space(2 * mib);
    w.fill(space, 0x1000, 7);
    w.fill(space, 0x2000, 7);
    w.put(space, 0x2fff, 6);
    w.fill(space, 0x3000, 7);
    CHECK(w.pass().merged == 1);
    CHECK(space.translate(Gpa{0x1000}) != space.translate(Gpa{0x2000}));
    CHECK(w.pass().merged == 0);
    w.require_laws();
}

TEST_CASE("the same hash with other contents is not enough") {
    MergingWorld w;
    auto& space = w.space(2 * mib);
    // Of the last two words of a page, one can undo what the other has done to the hash.
    auto const digest_with = [&](std::uint64_t gpa, std::uint64_t first, std::uint64_t second) {
        w.fill(space, gpa, 0);
        auto const hpa = space.translate(Gpa{gpa})->value();
        w.memory.put(hpa + 4080, first);
        w.memory.put(hpa + 4088, second);
        return digest_of(w.memory, Hpa{hpa}).hash;
    };
    constexpr std::uint64_t spread = 0x9e37'79b9'7f4a'7c15;
    std::uint64_t const one = digest_with(0x1000, 1, 0);
    std::uint64_t const undo = std::rotl(2 * spread, 5) ^ std::rotl(1 * spread, 5);
    std::uint64_t const two = digest_with(0x2000, 2, undo);
    REQUIRE(one == two);
    CHECK(w.pass().merged == 0);
    CHECK(space.translate(Gpa{0x1000}) != space.translate(Gpa{0x2000}));
}

TEST_CASE("in the background a pass is made of small steps, and spaces may go in between") {
    MergingWorld w;
    for (int i = 0; i < 3; ++i) {
        auto& space = w.space(2 * mib);
        for (std::uint64_t page = 0; page < 16; ++page)
            w.fill(space, page << 12, static_cast<std::uint8_t>(page + 1));
    }
    Merging sum;
    auto const ignore = [](TestSpace&, Duty) {};
    for (int i = 0; i < 30; ++i) {
        auto const one = w.merger.step(4, ignore);
        CHECK(one.steps <= 4);
        sum.merged += one.merged;
    }
    CHECK(sum.merged == 0); // all of it in the first space
    w.spaces[0].reset();
    while (!w.merger.step(100, ignore).pass_ended) {
    }
    CHECK(w.pass().merged == 0);
    w.require_laws();
    // The third space's pages have found the second's in the meantime.
    CHECK(w.spaces[1]->translate(Gpa{0x3000}) == w.spaces[2]->translate(Gpa{0x3000}));
}

TEST_CASE("pages that spaces offer are merged with each other, and with nothing else") {
    MergingWorld w;
    auto& a = w.space(2 * mib);
    auto& b = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 8; ++page) {
        w.fill(a, page << 12, static_cast<std::uint8_t>(page + 1));
        w.fill(b, page << 12, static_cast<std::uint8_t>(page + 1));
    }
    w.fill(b, 0x3000, 0);
    auto const offer = [&](TestSpace& space, std::uint64_t first, std::uint64_t pages) {
        return w.merger.offer(space, Gpa{first << 12}, pages << 12,
                              [&](TestSpace&, Duty duty) { w.duties |= duty; });
    };
    CHECK(offer(a, 2, 4).merged == 0);
    auto const result = offer(b, 0, 5);
    CHECK(result.hashed == 5);
    CHECK(result.merged == 2); // pages 2 and 4
    CHECK(result.zeroed == 1);
    CHECK(a.translate(Gpa{0x2000}) == b.translate(Gpa{0x2000}));
    CHECK(a.translate(Gpa{0x5000}) != b.translate(Gpa{0x5000}));
    CHECK(w.duties.has(Duty::Reason::permission_removed));
    // Where nothing is mapped there is nothing to offer, in one step.
    CHECK(offer(a, 512 - 8, 8).hashed == 0);
    w.put(a, 0x2000, 99);
    CHECK(w.get(b, 0x2000) == 3);
    w.require_laws();
}

TEST_CASE("with fewer candidates than pages some are missed, and nothing goes wrong") {
    MergingWorld w{4};
    auto& space = w.space(2 * mib);
    for (std::uint64_t page = 0; page < 64; ++page)
        w.fill(space, page << 12, static_cast<std::uint8_t>(page % 8 + 1));
    CHECK(w.pass().merged == 0);
    for (std::uint64_t page = 0; page < 64; ++page)
        w.fill(space, page << 12, static_cast<std::uint8_t>(page / 8 + 1));
    CHECK(w.pass().merged == 56);
    w.require_laws();
}

TEST_CASE("pages in tables that clones share, and large pages, are left alone") {
    MergingWorld w;
    auto& large = w.space(4 * mib, page_2m);
    w.fill(large, 0x1000, 7);
    auto& parent = w.space(2 * mib);
    w.fill(parent, 0x1000, 7);
    w.fill(parent, 0x2000, 7);
    w.clone(parent);
    CHECK(w.pass().hashed == 0);
    w.put(parent, 0x1000, 7); // each has a table of its own by now
    CHECK(w.pass().merged == 3);
    CHECK(parent.translate(Gpa{0x1000}) == w.spaces[2]->translate(Gpa{0x2000}));
    w.require_laws();
}

} // namespace merger_test
