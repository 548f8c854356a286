#include "sim/references_chart.hpp"

namespace twofold::vmm {

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
