#include "report/benchmark.hpp"

#include "report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

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

/// What the figures of one table grow with downwards, the figures beside each other.
class GrowthTable {
  public:
    explicit GrowthTable(std::string by) : by_(std::move(by)) {}

    [[nodiscard]] std::string const& by() const { return by_; }
    void add(Growth const& growth, std::optional<double> value) {
        if (std::ranges::find(figures_, growth.figure) == figures_.end())
            figures_.push_back(growth.figure);
        rows_[growth.at][growth.figure] = number_text(value);
    }
    [[nodiscard]] std::string text(Style const& style) const {
        auto const heading = [&style](std::string_view text) { return style.heading(text); };
        Table table;
        std::vector<Cell> names{{by_, true, heading}};
        for (auto const& figure : figures_)
            names.push_back({figure, true, heading});
        table.add(std::move(names));
        for (auto const& [at, values] : rows_) {
            std::vector<Cell> row{number_cell(grouped(at))};
            for (auto const& figure : figures_) {
                auto const value = values.find(figure);
                row.push_back(number_cell(value == values.end() ? "" : value->second));
            }
            table.add(std::move(row));
        }
        return table.render();
    }

  private:
    std::string by_;
    std::vector<std::string> figures_;
    std::map<std::uint64_t, std::map<std::string, std::string>> rows_;
};

std::string growth_text(std::span<BenchmarkResult const> results, Style const& style) {
    std::vector<GrowthTable> tables;
    for (auto const& result : results) {
        if (!result.growth) continue;
        auto found = std::ranges::find(tables, result.growth->by, &GrowthTable::by);
        if (found == tables.end()) found = tables.emplace(tables.end(), result.growth->by);
        found->add(*result.growth, result.value);
    }
    std::string text;
    for (auto const& table : tables)
        text += '\n' + table.text(style);
    return text;
}

Json growth_json(Growth const& growth) {
    return {{"figure", growth.figure}, {"by", growth.by}, {"at", growth.at}};
}

/// `peers`: with the column of KVM's figures.
std::vector<Cell> row_of(BenchmarkResult const& result, bool peers, Style const& style) {
    std::vector<Cell> row{{result.name},
                          number_cell(number_text(result.value)),
                          {result.unit},
                          number_cell(number_text(result.floor)),
                          number_cell(number_text(result.goal)),
                          verdict(result, style)};
    if (peers) row.push_back(number_cell(number_text(result.peer)));
    row.push_back({result.note});
    return row;
}

} // namespace

std::string benchmark_text(std::span<BenchmarkResult const> results, Style const& style) {
    auto const heading = [&style](std::string_view text) { return style.heading(text); };
    bool const peers =
        std::ranges::any_of(results, [](auto const& result) { return result.peer.has_value(); });
    Table table;
    std::vector<Cell> headings{{"name", false, heading}, {"value", true, heading},
                               {"unit", false, heading}, {"floor", true, heading},
                               {"goal", true, heading},  {"", false, heading}};
    if (peers) headings.push_back({"KVM", true, heading});
    headings.push_back({"note", false, heading});
    table.add(std::move(headings));
    for (auto const& result : results)
        if (!result.growth) table.add(row_of(result, peers, style));
    return table.render() + growth_text(results, style);
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
                         {"exact", result.exact},
                         {"source", result.source}});
        if (result.growth) array.back()["growth"] = growth_json(*result.growth);
    }
    return {{"results", array}};
}

} // namespace twofold::vmm
