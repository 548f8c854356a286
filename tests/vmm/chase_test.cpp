#include "bench/chase_loop.hpp"
#include "bench/chase_memory.hpp"
#include "bench/event_counter.hpp"
#include "tests/catch.hpp"

#include <set>

namespace chase_test {

using namespace twofold;
using namespace twofold::vmm;

TEST_CASE("a chain goes through every page once and ends where it began") {
    constexpr std::uint64_t pages = 64;
    ChaseMemory memory{std::uint64_t{2} << 20, page_4k};
    auto const first = memory.link(pages * page_4k.bytes());
    std::set<std::uint64_t> visited;
    auto node = first;
    for (std::uint64_t step = 0; step < pages; ++step) {
        visited.insert(node / page_4k.bytes());
        node = twofold_chase(node, 1);
    }
    CHECK(node == first);
    CHECK(visited.size() == pages);
    CHECK(*visited.rbegin() - *visited.begin() == pages - 1);
    CHECK(twofold_chase(first, pages) == first);
    CHECK(twofold_chase(first, pages + 3) == twofold_chase(first, 3));
}

TEST_CASE("an event that the kernel does not have is refused in words") {
    constexpr std::uint32_t no_such_type = 0xffff;
    auto const none = EventCounter::open(no_such_type, 0, EventCounter::Of::guest);
    REQUIRE_FALSE(none);
    CHECK_FALSE(none.error().empty());
}

} // namespace chase_test
