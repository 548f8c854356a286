#include "support/random_lives.hpp"

#include <algorithm>
#include <cstdlib>

namespace lifetime_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// TWOFOLD_LONG_TESTS: how many seeds each kind of guest lives through, 1 if it is not set.
std::uint64_t seeds() {
    char const* const wanted = std::getenv("TWOFOLD_LONG_TESTS");
    return wanted == nullptr ? 1 : static_cast<std::uint64_t>(std::max(1, std::atoi(wanted)));
}

void live(LifeKind const& kind) {
    // With small pages some seeds see no large one made, or none that leaves in parts.
    std::uint64_t split_for_room = 0;
    std::uint64_t promoted = 0;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        CAPTURE(seed);
        RandomLives lives{kind, seed};
        for (int step = 0; step < 100'000; ++step) {
            lives.step();
            if (step % 500 == 499) lives.require_laws();
        }
        CHECK(lives.watched() > 1000);
        split_for_room += lives.split_for_room();
        promoted += lives.promoted();
        lives.require_laws();
        lives.end();
    }
    if (kind.executable == ExecutablePages::any_size) {
        CHECK(split_for_room >= seeds() / 2 + 1);
        CHECK(promoted >= seeds() / 2 + 1);
    }
}

} // namespace

TEST_CASE("100,000 steps of every operation: small pages") {
    live({page_4k, false, ExecutablePages::any_size, 4096});
}

TEST_CASE("100,000 steps of every operation: large pages, accessed and dirty bits, few frames") {
    live({page_2m, true, ExecutablePages::any_size, 8192});
}

TEST_CASE("100,000 steps of every operation: large pages, accessed and dirty bits, small "
          "executable pages only, few frames") {
    live({page_2m, true, ExecutablePages::small_only, 16384});
}

} // namespace lifetime_test
