// What a guest leaves of its tables walks as the hypervisor walked them while it ran, and as the
// emulated processor did.
#include "catch.hpp"
#include "report/walk_comparison.hpp"
#include "support/command.hpp"
#include "support/launch.hpp"
#include "tables/address_selection.hpp"
#include "tables/guest_tables.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace walk_tables_test {

namespace {

using namespace twofold;
using namespace twofold::test;

Launched launch_with_tables(vmm::GuestPlan guest, PageSize host) {
    guest.host_page = host;
    guest.report_tables = true;
    return launch({.guests = {std::move(guest)}}, 32);
}
Launched launch_with_tables(std::vector<std::string> words, PageSize host) {
    return launch_with_tables(guest_plan(std::move(words)), host);
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

TEST_CASE("tables of mixed EPT leaves, left by a guest, walk as the processor walked them") {
    auto guest = guest_plan({"layouts", "--seed", "5", "--layouts", "1", "--walks", "4"});
    guest.memory_bytes = std::uint64_t{64} << 20;
    guest.populate = abi::Populate::eager;
    guest.ept_probes = true;
    auto const launched = launch_with_tables(guest, page_2m);
    check_against_trace(launched);
    CHECK(compare_with_tables(launched) == 4);
    vmm::GuestTables const tables{launched.guest(0)};
    std::set<std::size_t> lengths;
    for (Gva const gva : vmm::AddressSelection{.sample = 500}.addresses(tables))
        lengths.insert(tables.walk(gva).references.size());
    // Guest pages of 4K and 1G over EPT leaves of 4K and 2M.
    CHECK(lengths == std::set<std::size_t>{12, 13, 19, 20});
}

TEST_CASE("ranges and samples of 32-bit guests, PAE guests and with paging off have their walks") {
    // The range lies in a large page, and of the sample nothing has an EPT entry.
    for (auto const& [mode, references] :
         {std::pair{"32_bit", 9U}, std::pair{"pae", 9U}, std::pair{"off", 4U}}) {
        CAPTURE(mode);
        auto const result = run_command(
            {{TWOFOLD_COMMAND, "walk", "modes", "--quiet", "--range", "0x400000-0x408000",
              "--sample", "20", "--json", "-", "--", "--end-in", mode}});
        CHECK(result.err == "");
        REQUIRE(result.status == 0);
        auto const json = nlohmann::json::parse(result.out);
        CHECK(json["tables"]["mode"] == mode);
        CHECK(json["summary"]["walks"] == 28);
        CHECK(json["summary"]["translated"] == 8);
        for (std::size_t at = 0; at < 8; ++at)
            CHECK(json["walks"][at]["references"].size() == references);
        CHECK(json["summary"]["by_fault"][0]["fault"] == "EPT PDE: bits 2:0 (R, W, X) are clear");
    }
}

TEST_CASE("a range of one address has its summary as every other") {
    auto const one = run_command(
        {{TWOFOLD_COMMAND, "walk", "hello", "--quiet", "--range", "0x400000-0x400001"}});
    CHECK(one.err == "");
    CHECK(one.out.find("1 walk: 1 found a page, 0 ended in a fault") != std::string::npos);
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
