#include "report/run_charts.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace twofold::vmm {

namespace {

std::string name_of(GuestReport const& guest, RunReport const& report) {
    return report.guests().size() > 1 ? fmt::format("{} {}", guest.name, guest.number) : guest.name;
}

/// A bar for each key that some guest has a count of, the guests' counts stacked.
template <class CountsOf, class Label>
void add_bars(std::vector<Chart>& charts, RunReport const& report, std::string title,
              std::string y_name, CountsOf&& counts_of, Label&& label) {
    using Counts = std::remove_cvref_t<decltype(counts_of(*report.guests().front().stop))>;
    std::set<typename Counts::key_type> keys;
    BarChart chart{
        .title = std::move(title), .y_name = std::move(y_name), .part_names = {}, .bars = {}};
    std::vector<Counts const*> columns;
    for (auto const& guest : report.guests()) {
        if (!guest.stop || !guest.stop->activity) continue;
        columns.push_back(&counts_of(*guest.stop));
        chart.part_names.push_back(name_of(guest, report));
        for (auto const& [key, count] : *columns.back())
            if (count != 0) keys.insert(key);
    }
    for (auto const& key : keys) {
        BarChart::Bar bar{label(key), {}};
        for (auto const* const counts : columns) {
            auto const found = counts->find(key);
            bar.parts.push_back(found == counts->end() ? 0 : static_cast<double>(found->second));
        }
        chart.bars.push_back(std::move(bar));
    }
    if (!chart.bars.empty()) charts.emplace_back(std::move(chart));
}

/// A curve of pages for each guest that has some looks of that kind, one point a look.
template <class LooksOf>
void add_pages(std::vector<Chart>& charts, RunReport const& report, std::string title,
               std::string x_name, LooksOf&& looks_of) {
    CurveChart chart{.title = std::move(title),
                     .x_name = std::move(x_name),
                     .y_name = "pages of 4 KiB",
                     .curves = {}};
    for (auto const& guest : report.guests()) {
        Curve curve{.name = name_of(guest, report), .points = {}};
        for (auto const& look : looks_of(guest))
            curve.points.emplace_back(curve.points.size(), look.pages);
        if (!curve.points.empty()) chart.curves.push_back(std::move(curve));
    }
    if (!chart.curves.empty()) charts.emplace_back(std::move(chart));
}

} // namespace

std::vector<Chart> run_charts(RunReport const& report) {
    std::vector<Chart> charts;
    if (report.guests().empty()) throw Failure{"--plot: no guest ran, there is nothing to draw"};
    add_bars(
        charts, report, "Exits by reason", "exits",
        [](record::GuestStop const& stop) -> auto& { return stop.activity->exits; },
        [](std::string const& reason) { return reason; });
    add_bars(
        charts, report, "Faults that were answered here, by the ticks that they took", "faults",
        [](record::GuestStop const& stop) -> auto& { return stop.activity->fault_histogram; },
        [](std::uint64_t ticks) { return fmt::format("{} and more", ticks); });
    add_pages(
        charts, report, "Pages written", "interval of the dirty log",
        [](GuestReport const& guest) -> auto& { return guest.dirty_pages; });
    add_pages(
        charts, report, "Working set", "look",
        [](GuestReport const& guest) -> auto& { return guest.working_sets; });
    if (charts.empty()) throw Failure{"--plot: the report has neither exits nor curves to draw"};
    return charts;
}

} // namespace twofold::vmm
