#include "bench/chase.hpp"
#include "bench/chase_loop.hpp"
#include "bench/chase_memory.hpp"
#include "bench/event_counter.hpp"
#include "bench/walk_events.hpp"
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

TEST_CASE("a guest's figures say whether there is a second dimension in them") {
    using kvm::Paging;
    for (auto const hardware : {Paging::ept, Paging::npt})
        CHECK(guest_walks(hardware).find("two dimensions") != std::string_view::npos);
    for (auto const none : {Paging::shadow_on_intel, Paging::shadow_on_amd, Paging::software})
        CHECK(guest_walks(none).find("shadow tables") != std::string_view::npos);
}

TEST_CASE("cycles of walks are counted where the maker says which dimension is in them") {
    auto const events = walk_events({"GenuineIntel", 6, 0x5e});
    REQUIRE(events.size() == 3);
    CHECK(events[0].name == "TLB misses");
    CHECK(events[1].config == 0x1008);
    CHECK(events[1].meaning.find("EPT are excluded") != std::string_view::npos);
    CHECK(events[2].config == 0x104f);
    // Others count them by other events, or with other dimensions in them.
    for (auto const& other : {ProcessorSignature{"GenuineIntel", 6, 0x8f},
                              ProcessorSignature{"AuthenticAMD", 0x19, 0x5e}})
        CHECK(walk_events(other).size() == 1);
    CHECK(this_processor().vendor.size() == 12);
    CHECK(this_processor().family >= 6);
}

TEST_CASE("an event that the kernel does not have is refused in words") {
    constexpr std::uint32_t no_such_type = 0xffff;
    auto const none = EventCounter::open(no_such_type, 0, EventCounter::Of::guest);
    REQUIRE_FALSE(none);
    CHECK_FALSE(none.error().empty());
}

} // namespace chase_test
