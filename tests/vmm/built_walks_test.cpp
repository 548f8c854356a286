// What `twofold bench walk` counts beside live guests: the published numbers, on tables built for
// it.
#include "bench/built_walks.hpp"
#include "tests/catch.hpp"

#include <map>

namespace built_walks_test {

using namespace twofold::vmm;

TEST_CASE("other techniques' walks of built tables have the published numbers of references") {
    std::map<std::string, unsigned> const known{{"shadow", 4},
                                                {"agile_0_nested", 4},
                                                {"agile_1_nested", 8},
                                                {"agile_2_nested", 12},
                                                {"agile_3_nested", 16},
                                                {"agile_4_nested", 20},
                                                {"flat", 9},
                                                {"flattened", 8},
                                                {"three_dimensions", 124}};
    std::map<std::string, unsigned> counted;
    for (auto const& walk : walk_by_other_techniques()) {
        counted[walk.name] = walk.references;
        CHECK(walk.formula == walk.references);
    }
    CHECK(counted == known);
}

TEST_CASE("with caches a walk of built tables has the published numbers, in all 20 cells") {
    constexpr unsigned known[4][5] = {
        {24, 19, 14, 9, 4}, {15, 12, 9, 6, 3}, {10, 8, 6, 4, 2}, {5, 4, 3, 2, 1}};
    for (unsigned skipped = 0; skipped < 4; ++skipped) {
        for (unsigned column = 0; column < 5; ++column) {
            CAPTURE(skipped, column);
            CHECK(references_with_caches(skipped, 4 - column) == known[skipped][column]);
        }
    }
}

} // namespace built_walks_test
