#include "tables/walk_charts.hpp"

#include "report/page_size_name.hpp"
#include "report/walk_shape.hpp"
#include "system/failure.hpp"

#include <algorithm>

namespace twofold::vmm {

namespace {

BarChart levels_chart(WalkSummary const& summary) {
    BarChart chart{.title = "References of walks that found a page, by level",
                   .y_name = "references",
                   .part_names = {"guest", "EPT"},
                   .bars = {}};
    auto const& guest = summary.by_level(Dimension::guest);
    auto const& ept = summary.by_level(Dimension::ept);
    for (unsigned level = WalkSummary::levels - 1; level > 0; --level) {
        if (guest[level] + ept[level] == 0) continue;
        chart.bars.push_back(
            {std::string{level_name(Dimension::guest, level)},
             {static_cast<double>(guest[level]), static_cast<double>(ept[level])}});
    }
    return chart;
}

template <class Map, class Name>
void add_bars(BarChart& chart, Map const& counts, Name&& name) {
    for (auto const& [value, count] : counts)
        chart.bars.push_back({name(value), {static_cast<double>(count)}});
}

BarChart walks_chart(std::string title) {
    return {.title = std::move(title), .y_name = "walks", .part_names = {"walks"}, .bars = {}};
}

/// In the order of the addresses, whatever that of the walks was.
CurveChart addresses_chart(std::span<WalkStretch const> runs) {
    constexpr double mib = 1 << 20;
    Curve both{.name = "both dimensions", .points = {}};
    Curve native{.name = "guest's alone", .points = {}};
    for (auto const& run : runs.first(std::min(runs.size(), WalkSummary::most_shown_runs))) {
        for (auto const gva : {run.first, run.last}) {
            double const x = static_cast<double>(gva) / mib;
            both.points.emplace_back(x, run.references);
            native.points.emplace_back(x, run.native_references);
        }
    }
    std::ranges::sort(both.points);
    std::ranges::sort(native.points);
    return {.title = "References by address",
            .x_name = "gva in MiB",
            .y_name = "references",
            .curves = {std::move(both), std::move(native)}};
}

} // namespace

std::vector<Chart> walk_charts(WalkSummary const& summary) {
    if (summary.walks() == 0) throw Failure{"--plot: there is no walk to draw"};
    auto const as_is = [](std::string const& name) { return name; };
    std::vector<Chart> charts;
    if (!summary.by_references().empty()) {
        charts.emplace_back(levels_chart(summary));
        auto lengths = walks_chart("References of a walk");
        add_bars(lengths, summary.by_references(),
                 [](auto count) { return std::to_string(count); });
        charts.emplace_back(std::move(lengths));
        auto entries = walks_chart("One TLB entry maps");
        add_bars(entries, summary.by_page(), page_size_name);
        charts.emplace_back(std::move(entries));
    }
    auto outcomes = walks_chart("Guest page over EPT page, or no translation");
    add_bars(outcomes, summary.by_pages(), as_is);
    add_bars(outcomes, summary.by_fault(), as_is);
    charts.emplace_back(std::move(outcomes));
    if (summary.walks() > 1) charts.emplace_back(addresses_chart(summary.runs()));
    return charts;
}

} // namespace twofold::vmm
