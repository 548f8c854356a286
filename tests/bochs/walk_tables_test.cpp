// What a guest leaves of its tables walks as the hypervisor walked them while it ran, and as the
// emulated processor did.
#include "catch.hpp"
#include "report/walk_comparison.hpp"
#include "support/launch.hpp"
#include "tables/guest_tables.hpp"

#include <algorithm>

namespace walk_tables_test {

namespace {

using namespace twofold;
using namespace twofold::test;

Launched launch_with_tables(std::vector<std::string> words, PageSize host) {
    auto guest = guest_plan(std::move(words));
    guest.host_page = host;
    guest.report_tables = true;
    return launch({.guests = {guest}}, 32);
}

/// Each walk that the guest asked for in the mode that it ended in, once more.
std::size_t compare_with_tables(Launched const& launched) {
    vmm::GuestTables const tables{launched.guest(0)};
    std::size_t compared = 0;
    for (auto const& asked : launched.guest(0).walks) {
        if (asked.mode != tables.paging().mode) continue;
        auto const walk = tables.walk(Gva{asked.gva});
        CHECK(walk.hpa == asked.hpa);
        CHECK(walk.page_size == asked.page_size);
        REQUIRE(walk.references.size() == asked.references.size());
        for (std::size_t i = 0; i < walk.references.size(); ++i) {
            CHECK(walk.references[i].address == asked.references[i].address);
            CHECK(walk.references[i].entry == asked.references[i].entry);
        }
        ++compared;
    }
    return compared;
}

void check_against_trace(Launched const& launched) {
    auto const comparison = vmm::compare_walks(launched.guest(0).walks, launched.windows);
    CHECK(comparison.difference == "");
    CHECK(comparison.equal > 0);
    CHECK(launched.stop(0).reason == "exit");
    CHECK(launched.stop(0).code == 0);
    CHECK(launched.report.end()->frames_in_use == 0);
}

} // namespace

TEST_CASE("tables that a guest leaves walk as the processor walked them") {
    for (PageSize const host : {page_4k, page_2m}) {
        auto const launched = launch_with_tables({"walk", "--map", "all"}, host);
        check_against_trace(launched);
        CHECK(compare_with_tables(launched) == 3);
        CHECK_FALSE(launched.guest(0).tables_end->cut);
    }
}

TEST_CASE("each paging mode's walks are the processor's own, and its tables are read at the end") {
    // 32-bit paging and PAE by a small and a large page, paging off, and 64-bit mode.
    constexpr std::size_t over_4k[] = {14, 9, 14, 9, 4, 24};
    for (auto const* const end : {"32_bit", "pae", "off", "64_bit"}) {
        CAPTURE(end);
        auto const launched = launch_with_tables({"modes", "--end-in", end}, page_4k);
        check_against_trace(launched);
        std::vector<std::size_t> counts;
        for (auto const& walk : launched.guest(0).walks)
            counts.push_back(walk.references.size());
        CHECK(std::ranges::is_permutation(counts, over_4k));
        CHECK(compare_with_tables(launched) >= 1);
    }
}

TEST_CASE("each paging mode's walks over EPT 2M, and natively, are the processor's own") {
    auto const nested = launch_with_tables({"modes"}, page_2m);
    check_against_trace(nested);
    std::vector<std::size_t> counts;
    for (auto const& walk : nested.guest(0).walks)
        counts.push_back(walk.references.size());
    CHECK(counts == std::vector<std::size_t>{11, 7, 11, 7, 3, 19});

    auto const native = launch({.guests = {guest_plan({"modes"})}, .native = true}, 32);
    check_against_trace(native);
    counts.clear();
    for (auto const& walk : native.guest(0).walks)
        counts.push_back(walk.references.size());
    CHECK(counts == std::vector<std::size_t>{2, 1, 2, 1, 0, 4});
}

} // namespace walk_tables_test
