#include "sim/simulation_report.hpp"

#include "report/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

using Json = nlohmann::ordered_json;

Cell fixed_cell(double number, int digits) {
    return number_cell(fmt::format("{:.{}f}", number, digits));
}
Cell percent_cell(double share) { return number_cell(fmt::format("{:.2f}%", share * 100)); }

/// The native run with the same guest pages, to compare with.
SimulationResult const* native_beside(SimulationReport const& report, Configuration const& of) {
    for (std::size_t at = 0; at < report.configurations.size(); ++at) {
        auto const& other = report.configurations[at];
        if (other.technique == Technique::native && other.guest_page == of.guest_page)
            return &report.results[at];
    }
    return nullptr;
}

Cell overhead_cell(SimulationReport const& report, std::size_t at) {
    auto const* const native = native_beside(report, report.configurations[at]);
    if (native == nullptr || native->references.total() == 0) return {"-", true};
    return number_cell(
        fmt::format("{:.2f}x", static_cast<double>(report.results[at].references.total()) /
                                   static_cast<double>(native->references.total())));
}

/// "0.00 0.00 1.00 1.00": references a walk, from the top level down to the PTE.
std::string levels_text(SimulationResult const& result, Dimension dimension, unsigned levels) {
    std::string text;
    for (unsigned level = levels; level > 0; --level) {
        double const count = static_cast<double>(result.references.at(dimension, level));
        double const walks = static_cast<double>(std::max<std::uint64_t>(result.walks, 1));
        text += fmt::format("{}{:.2f}", text.empty() ? "" : " ", count / walks);
    }
    return text;
}

std::vector<Cell> heading_row(Style const& style) {
    auto const heading = [&style](std::string_view text) { return style.heading(text); };
    std::vector<Cell> row;
    for (std::string_view const title :
         {"", "L1 TLB misses", "walks", "refs/walk", "refs/access", "against native",
          "guest: top..PTE a walk", "EPT: top..PTE a walk", "exits"})
        row.push_back({std::string{title}, !row.empty(), heading});
    return row;
}

std::vector<Cell> result_row(SimulationReport const& report, std::size_t at) {
    auto const& configuration = report.configurations[at];
    auto const& result = report.results[at];
    bool const nested = configuration.technique == Technique::nested;
    auto const exits = result.ept_violations + result.shadow_fills + result.shadow_updates;
    return {
        {describe(configuration)},
        percent_cell(result.per_access(result.second_level_hits + result.walks)),
        percent_cell(result.per_access(result.walks)),
        fixed_cell(result.references_per_walk(), 2),
        fixed_cell(result.per_access(result.references.total()), 3),
        overhead_cell(report, at),
        number_cell(levels_text(result, Dimension::guest, configuration.guest_levels)),
        number_cell(nested ? levels_text(result, Dimension::ept, configuration.ept_levels) : "-"),
        number_cell(grouped(exits))};
}

std::string found_text(SimulationReport const& report, Style const& style) {
    auto const heading = [&style](std::string_view text) { return style.heading(text); };
    Table table;
    std::vector<Cell> head;
    for (std::string_view const title : {"references found in", "first", "second", "third",
                                         "memory", "cycles/walk", "cycles/access"})
        head.push_back({std::string{title}, !head.empty(), heading});
    table.add(std::move(head));
    for (std::size_t at = 0; at < report.results.size(); ++at) {
        auto const& result = report.results[at];
        std::vector<Cell> row{{describe(report.configurations[at])}};
        double total = 0;
        for (auto const count : result.found_in)
            total += static_cast<double>(count);
        for (auto const count : result.found_in)
            row.push_back(percent_cell(total == 0 ? 0 : static_cast<double>(count) / total));
        double const cycles = reference_cycles(result, *report.latencies);
        double const walks = static_cast<double>(std::max<std::uint64_t>(result.walks, 1));
        row.push_back(fixed_cell(cycles / walks, 1));
        row.push_back(fixed_cell(cycles / static_cast<double>(result.accesses), 2));
        table.add(std::move(row));
    }
    auto const& latencies = *report.latencies;
    return fmt::format("\n{}cycles: with {} for a reference found in the first data cache, {} in "
                       "the second, {} in the third, {} in memory; references of a walk one after "
                       "the other\n",
                       table.render(), latencies[0], latencies[1], latencies[2], latencies[3]);
}

Json levels_json(SimulationResult const& result, Dimension dimension) {
    Json json = Json::object();
    for (unsigned level = ReferenceCounts::most_levels; level > 0; --level)
        json[std::to_string(level)] = result.references.at(dimension, level);
    return json;
}

Json result_json(Configuration const& configuration, SimulationResult const& result) {
    return {{"configuration", describe(configuration)},
            {"accesses", result.accesses},
            {"first_level_hits", result.first_level_hits},
            {"second_level_hits", result.second_level_hits},
            {"walks", result.walks},
            {"references", result.references.total()},
            {"guest_references", levels_json(result, Dimension::guest)},
            {"ept_references", levels_json(result, Dimension::ept)},
            {"guest_faults", result.guest_faults},
            {"ept_violations", result.ept_violations},
            {"shadow_fills", result.shadow_fills},
            {"shadow_updates", result.shadow_updates},
            {"remaps", result.remaps},
            {"found_in", result.found_in},
            {"table_bytes", result.table_bytes}};
}

} // namespace

double reference_cycles(SimulationResult const& result, Latencies const& latencies) {
    double cycles = 0;
    for (std::size_t level = 0; level < latencies.size(); ++level)
        cycles += static_cast<double>(result.found_in[level]) * latencies[level];
    return cycles;
}

std::string simulation_text(SimulationReport const& report, Style const& style) {
    Table table;
    table.add(heading_row(style));
    for (std::size_t at = 0; at < report.results.size(); ++at)
        table.add(result_row(report, at));
    std::string text = table.render();
    if (report.latencies) text += found_text(report, style);
    return text +
           "references: reads of paging-structure entries by walks; the data access, the "
           "write-backs "
           "of accessed and\ndirty bits and the walks of first touches are not in them. exits: EPT "
           "violations, or fills and updates of shadow tables\n";
}

Json simulation_json(SimulationReport const& report) {
    Json array = Json::array();
    for (std::size_t at = 0; at < report.results.size(); ++at)
        array.push_back(result_json(report.configurations[at], report.results[at]));
    Json document{{"simulations", array}};
    if (report.latencies) document["latencies"] = *report.latencies;
    return document;
}

} // namespace twofold::vmm
