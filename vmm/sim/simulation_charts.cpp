#include "sim/simulation_charts.hpp"

#include "report/walk_shape.hpp"

#include <algorithm>

namespace twofold::vmm {

namespace {

BarChart references_chart(SimulationReport const& report) {
    BarChart chart{.title = "References of page walks",
                   .y_name = "references an access",
                   .part_names = {"guest", "EPT"},
                   .bars = {}};
    for (std::size_t at = 0; at < report.results.size(); ++at) {
        auto const& result = report.results[at];
        chart.bars.push_back({describe(report.configurations[at]),
                              {result.per_access(result.references.of(Dimension::guest)),
                               result.per_access(result.references.of(Dimension::ept))}});
    }
    return chart;
}

/// A row for each configuration.
MatrixChart matrix_of(SimulationReport const& report, std::string title, std::string columns) {
    MatrixChart chart{.title = std::move(title),
                      .column_name = std::move(columns),
                      .row_name = {},
                      .columns = {},
                      .rows = {},
                      .values = {}};
    for (auto const& configuration : report.configurations)
        chart.rows.push_back(describe(configuration));
    chart.values.resize(chart.rows.size());
    return chart;
}

/// Empty where a configuration's tables have no such level.
std::optional<double> references_a_walk(Configuration const& configuration,
                                        SimulationResult const& result, Dimension dimension,
                                        unsigned level) {
    bool const guest = dimension == Dimension::guest;
    unsigned const levels = guest ? configuration.guest_levels : configuration.ept_levels;
    if (level > levels || (!guest && configuration.technique != Technique::nested))
        return std::nullopt;
    return static_cast<double>(result.references.at(dimension, level)) /
           static_cast<double>(std::max<std::uint64_t>(result.walks, 1));
}

MatrixChart levels_chart(SimulationReport const& report) {
    auto chart = matrix_of(report, "References of a walk by level", "dimension and level");
    unsigned const highest = std::max(
        std::ranges::max(report.configurations, {}, &Configuration::guest_levels).guest_levels,
        std::ranges::max(report.configurations, {}, &Configuration::ept_levels).ept_levels);
    for (Dimension const dimension : {Dimension::guest, Dimension::ept}) {
        for (unsigned level = highest; level > 0; --level) {
            chart.columns.emplace_back(level_name(dimension, level));
            for (std::size_t at = 0; at < report.results.size(); ++at)
                chart.values[at].push_back(references_a_walk(report.configurations[at],
                                                             report.results[at], dimension, level));
        }
    }
    return chart;
}

MatrixChart found_chart(SimulationReport const& report) {
    auto chart = matrix_of(report, "Where references were found, per cent", "data cache");
    chart.columns = {"first", "second", "third", "memory"};
    for (std::size_t at = 0; at < report.results.size(); ++at) {
        double const total = static_cast<double>(report.results[at].references.total());
        for (auto const count : report.results[at].found_in)
            chart.values[at].emplace_back(total == 0 ? 0
                                                     : 100 * static_cast<double>(count) / total);
    }
    return chart;
}

} // namespace

std::vector<Chart> simulation_charts(SimulationReport const& report) {
    std::vector<Chart> charts{references_chart(report), levels_chart(report)};
    if (report.latencies) charts.emplace_back(found_chart(report));
    return charts;
}

CurveChart break_even_chart(BreakEven const& found) {
    CurveChart chart{.title = "Shadow against nested",
                     .x_name = "page-table updates in a million accesses",
                     .y_name = "cycles an access",
                     .curves = {{"shadow", {}}, {"nested", {}}}};
    for (auto const& run : found.runs) {
        double const updates =
            run.remap_every == 0 ? 0 : 1e6 / static_cast<double>(run.remap_every);
        chart.curves[0].points.emplace_back(updates, run.shadow_cycles);
        chart.curves[1].points.emplace_back(updates, run.nested_cycles);
    }
    return chart;
}

} // namespace twofold::vmm
