#include "report/benchmark.hpp"

#include "report/table.hpp"

#include <fmt/format.h>

#include <cmath>

namespace twofold::vmm {

namespace {

using Json = nlohmann::ordered_json;

std::string number_text(std::optional<double> number) {
    if (!number) return "-";
    // Ratios and other small figures keep two places.
    if (*number < 1000 && *number != std::floor(*number)) return fmt::format("{:.2f}", *number);
    return grouped(static_cast<std::uint64_t>(std::llround(*number)));
}

/// Whole numbers as such.
Json number_json(std::optional<double> number) {
    if (!number) return nullptr;
    if (*number == std::floor(*number)) return static_cast<std::int64_t>(*number);
    return *number;
}

Cell verdict(BenchmarkResult const& result, Style const& style) {
    if (!result.goal) return {""};
    if (result.reached())
        return {"reached", false, [&style](std::string_view text) { return style.good(text); }};
    return {"MISSED", false, [&style](std::string_view text) { return style.bad(text); }};
}

} // namespace

std::string benchmark_text(std::span<BenchmarkResult const> results, Style const& style) {
    auto const heading = [&style](std::string_view text) { return style.heading(text); };
    Table table;
    table.add({{"name", false, heading},
               {"value", true, heading},
               {"unit", false, heading},
               {"floor", true, heading},
               {"goal", true, heading},
               {"", false, heading},
               {"KVM", true, heading},
               {"note", false, heading}});
    for (auto const& result : results) {
        table.add({{result.name},
                   number_cell(number_text(result.value)),
                   {result.unit},
                   number_cell(number_text(result.floor)),
                   number_cell(number_text(result.goal)),
                   verdict(result, style),
                   number_cell(number_text(result.peer)),
                   {result.note}});
    }
    return table.render();
}

Json benchmark_json(std::span<BenchmarkResult const> results) {
    Json array = Json::array();
    for (auto const& result : results) {
        array.push_back({{"name", result.name},
                         {"unit", result.unit},
                         {"value", number_json(result.value)},
                         {"floor", number_json(result.floor)},
                         {"peer", number_json(result.peer)},
                         {"goal", number_json(result.goal)},
                         {"source", result.source}});
    }
    return {{"results", array}};
}

} // namespace twofold::vmm
