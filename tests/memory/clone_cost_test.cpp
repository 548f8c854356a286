#include "catch.hpp"
#include "support/clone_scene.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace clone_cost_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::test::clone_scene;

namespace {

struct CloneCost {
    std::uint64_t reads;
    std::size_t stores;
    std::uint64_t frames;
    friend bool operator==(CloneCost const&, CloneCost const&) = default;
};

CloneCost clone_cost(std::uint64_t touched, PageSize leaf) {
    CloneScene f{(touched >> 12) + (std::uint64_t{1} << 18)};
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
        CloneScene f{(std::uint64_t{1} << 14) + clones * (pages + 16)};
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

} // namespace clone_cost_test
