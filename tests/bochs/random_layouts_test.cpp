// Random layouts of mixed leaves in both dimensions, walked live, against what the emulated
// processor itself reads.
#include "catch.hpp"
#include "report/walk_comparison.hpp"
#include "report/walk_shape.hpp"
#include "support/launch.hpp"

#include <set>

namespace random_layouts_test {

namespace {

using namespace twofold;
using namespace twofold::test;

constexpr unsigned walks_each = 2;

/// What the walks went over.
struct Seen {
    std::set<std::size_t> lengths;
    std::set<std::pair<PageSize, PageSize>> pages;
    std::size_t mixed = 0;
};

void compare_layouts(std::string const& seed, unsigned layouts, PageSize host, Seen& seen) {
    auto guest = guest_plan({"layouts", "--seed", seed, "--layouts", std::to_string(layouts),
                             "--walks", std::to_string(walks_each)});
    guest.host_page = host;
    guest.memory_bytes = std::max(host.bytes(), std::uint64_t{64} << 20);
    guest.populate = abi::Populate::eager;
    guest.ept_probes = true;
    auto const launched = launch({.guests = {guest}}, layouts * walks_each + 8);
    REQUIRE(launched.report.guests().size() == 1);
    auto const& walks = launched.guest(0).walks;
    CHECK(launched.stop(0).reason == "exit");
    CHECK(launched.report.end()->frames_in_use == 0);
    REQUIRE(walks.size() == layouts * walks_each);
    auto const comparison = vmm::compare_walks(walks, launched.windows);
    CHECK(comparison.difference == "");
    for (auto const& walk : walks) {
        seen.lengths.insert(walk.references.size());
        seen.pages.emplace(walk.guest_page.value(), walk.host_page.value());
        seen.mixed += vmm::shape_of(walk).uniform_ept_references() ? 0 : 1;
    }
}

} // namespace

TEST_CASE("200 random layouts of mixed leaves walk live as the processor walks them") {
    Seen seen;
    compare_layouts("1", 60, page_4k, seen);
    compare_layouts("2", 80, page_2m, seen);
    compare_layouts("3", 60, page_1g, seen);
    CHECK(seen.mixed > 150);
    CHECK(seen.lengths.size() > 12);
    CHECK(seen.pages.size() == 9);
}

} // namespace random_layouts_test
