// The charts of `twofold walk` show the figures of its tables.
#include "system/failure.hpp"
#include "tables/walk_charts.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"

namespace walk_charts_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

/// Of 4 levels down to a 4K page, over `ept` references for each gpa.
record::Walk walk_at(std::uint64_t gva, std::optional<PageSize> host, unsigned ept) {
    record::Walk walk{.guest = 0,
                      .gva = gva,
                      .gpa = gva,
                      .hpa = gva,
                      .page_size = page_4k,
                      .guest_page = page_4k,
                      .host_page = host,
                      .native = !host,
                      .references = {},
                      .fault = std::nullopt};
    for (unsigned level = 4;; --level) {
        for (unsigned below = 0; below < ept; ++below)
            walk.references.push_back({Dimension::ept, 4 - below, 0x1000, 0, {}});
        if (level == 0) return walk;
        walk.references.push_back({Dimension::guest, level, 0x2000, 0, {}});
    }
}

record::Walk fault_at(std::uint64_t gva) {
    auto walk = walk_at(gva, page_4k, 4);
    walk.references.resize(5);
    walk.fault = {Dimension::guest, 4, "not_present"};
    return walk;
}

WalkSummary summary_of(std::span<record::Walk const> walks) {
    WalkSummary summary;
    for (auto const& walk : walks)
        summary.add(walk);
    return summary;
}

using Bars = std::vector<std::pair<std::string, std::vector<double>>>;

Bars bars_of(Chart const& chart) {
    Bars bars;
    for (auto const& bar : std::get<BarChart>(chart).bars)
        bars.emplace_back(bar.label, bar.parts);
    return bars;
}

constexpr std::uint64_t mib = 1 << 20;

} // namespace

TEST_CASE("the charts of walks have the figures of their tables, addresses in order") {
    std::vector<record::Walk> const walks{fault_at(9 * mib), walk_at(mib, page_4k, 4),
                                          walk_at(2 * mib, page_4k, 4),
                                          walk_at(4 * mib, page_2m, 3)};
    auto const charts = walk_charts(summary_of(walks));
    REQUIRE(charts.size() == 5);
    CHECK(bars_of(charts[0]) ==
          Bars{{"PML4E", {3, 15}}, {"PDPTE", {3, 15}}, {"PDE", {3, 15}}, {"PTE", {3, 10}}});
    CHECK(std::get<BarChart>(charts[0]).part_names == std::vector<std::string>{"guest", "EPT"});
    CHECK(bars_of(charts[1]) == Bars{{"19", {1}}, {"24", {2}}});
    CHECK(bars_of(charts[2]) == Bars{{"4K", {3}}});
    CHECK(bars_of(charts[3]) ==
          Bars{{"4K over 2M", {1}}, {"4K over 4K", {2}}, {"PML4E: bit 0 (P) is clear", {1}}});
    auto const& curves = std::get<CurveChart>(charts[4]).curves;
    REQUIRE(curves.size() == 2);
    // A stretch has its first and its last address.
    using Points = std::vector<std::pair<double, double>>;
    CHECK(curves[0].points == Points{{1, 24}, {2, 24}, {4, 19}, {4, 19}, {9, 5}, {9, 5}});
    CHECK(curves[1].points == Points{{1, 4}, {2, 4}, {4, 4}, {4, 4}, {9, 1}, {9, 1}});
}

TEST_CASE("an address that a sample draws twice does not end a stretch") {
    auto const summary = summary_of(std::vector{walk_at(mib, page_4k, 4), walk_at(mib, page_4k, 4),
                                                walk_at(2 * mib, page_4k, 4)});
    REQUIRE(summary.runs().size() == 1);
    CHECK(summary.runs()[0].walks == 3);
    CHECK(summary.runs()[0].last == 2 * mib);
}

TEST_CASE("native walks, faults alone and no walk at all have the charts that they can have") {
    auto const native = walk_charts(summary_of(std::vector{walk_at(mib, std::nullopt, 0)}));
    REQUIRE(native.size() == 4);
    CHECK(bars_of(native[0]).front().second == std::vector<double>{1, 0});
    CHECK(bars_of(native[3]) == Bars{{"4K natively", {1}}});

    auto const faults = walk_charts(summary_of(std::vector{fault_at(0)}));
    REQUIRE(faults.size() == 1);
    CHECK(bars_of(faults[0]) == Bars{{"PML4E: bit 0 (P) is clear", {1}}});

    CHECK(holds(failure_of([] { walk_charts(WalkSummary{}); }), {"--plot", "no walk"}));
}

TEST_CASE("walk draws the walks that the guest asked for, and says where there is none") {
    std::string const walk =
        R"({"record":"walk","guest":0,"gva":"0x1","gpa":"0x2","hpa":"0x3","page_size":"0x1000",)"
        R"("guest_page":"0x200000","host_page":"0x1000","native":false,"references":[)"
        R"({"dimension":"ept","level":4,"address":"0x10","entry":"0x11"}]})";
    auto const report = whole_report(0);
    auto const before_end = report.find(R"({"record":"guest_stop")");
    FakeBochs const asked{"",
                          report.substr(0, before_end) + walk + '\n' + report.substr(before_end)};
    auto const file = asked.path() / "walks.svg";
    auto const drawn = asked.run({"walk", "g", "--plot", file.string()});
    CHECK(drawn.err == "");
    CHECK(drawn.status == 0);
    CHECK(holds(contents_of(file), {"<svg", "PML4E", "2M over 4K", "</svg>"}));

    FakeBochs const silent{"", report};
    auto const none = silent.run({"walk", "g", "--plot", (silent.path() / "none.svg").string()});
    CHECK(none.status == 1);
    CHECK(holds(none.err, {"--plot", "no walk to draw"}));

    auto const nothing_chosen =
        silent.run({"walk", "g", "--tables", "t.csv", "--plot", "none.svg"});
    CHECK(nothing_chosen.status == 2);
    CHECK(holds(nothing_chosen.err, {"--plot", "--gva, --range or --sample"}));
}

} // namespace walk_charts_test
