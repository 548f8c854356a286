#include "bench/benchmark_charts.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace twofold::vmm {

namespace {

/// The element of that name, made at the end where there is none yet.
template <class Element, class Name>
Element& found_or_added(std::vector<Element>& elements, Name Element::*name, Name const& wanted) {
    auto const found = std::ranges::find(elements, wanted, name);
    if (found != elements.end()) return *found;
    elements.emplace_back().*name = wanted;
    return elements.back();
}

CurveChart& chart_for(std::vector<CurveChart>& charts, Growth const& growth,
                      std::string const& unit) {
    auto const found = std::ranges::find_if(charts, [&](CurveChart const& chart) {
        return chart.x_name == growth.by && chart.y_name == unit;
    });
    if (found != charts.end()) return *found;
    charts.push_back(
        {.title = unit + " by " + growth.by, .x_name = growth.by, .y_name = unit, .curves = {}});
    return charts.back();
}

/// The least and the largest of some numbers.
struct Reach {
    double least = std::numeric_limits<double>::infinity();
    double most = 0;

    void include(double number) {
        least = std::min(least, number);
        most = std::max(most, number);
    }
    [[nodiscard]] bool is_over(double factor) const { return least > 0 && most >= factor * least; }
};

/// In order of x; on logarithmic axes where the points reach far apart.
void put_in_order(CurveChart& chart) {
    Reach x;
    Reach y;
    for (auto& curve : chart.curves) {
        std::ranges::sort(curve.points);
        for (auto const& point : curve.points) {
            x.include(point.first);
            y.include(point.second);
        }
    }
    chart.doubling_x = x.is_over(8);
    chart.logarithmic_y = y.is_over(100);
}

std::vector<CurveChart> curves_of(std::span<BenchmarkResult const> results) {
    std::vector<CurveChart> charts;
    for (auto const& result : results) {
        if (!result.growth || !result.value) continue;
        auto& chart = chart_for(charts, *result.growth, result.unit);
        found_or_added(chart.curves, &Curve::name, result.growth->figure)
            .points.emplace_back(static_cast<double>(result.growth->at), *result.value);
    }
    std::ranges::for_each(charts, put_in_order);
    return charts;
}

std::size_t place_of(std::vector<std::string>& names, std::string const& name) {
    auto const found = std::ranges::find(names, name);
    auto const place = static_cast<std::size_t>(found - names.begin());
    if (found == names.end()) names.push_back(name);
    return place;
}

MatrixChart& chart_for(std::vector<MatrixChart>& charts, Matrix const& matrix) {
    auto const found = std::ranges::find(charts, matrix.title, &MatrixChart::title);
    if (found != charts.end()) return *found;
    charts.push_back({.title = std::string{matrix.title},
                      .column_name = std::string{matrix.columns},
                      .row_name = std::string{matrix.rows},
                      .columns = {},
                      .rows = {},
                      .values = {}});
    return charts.back();
}

std::vector<MatrixChart> matrices_of(std::span<BenchmarkResult const> results) {
    std::vector<MatrixChart> charts;
    for (auto const& result : results) {
        if (!result.cell || !result.value) continue;
        auto& chart = chart_for(charts, result.cell->matrix);
        auto const row = place_of(chart.rows, result.cell->row);
        auto const column = place_of(chart.columns, result.cell->column);
        chart.values.resize(chart.rows.size());
        for (auto& values : chart.values)
            values.resize(chart.columns.size());
        chart.values[row][column] = *result.value;
    }
    return charts;
}

} // namespace

std::vector<Chart> benchmark_charts(std::span<BenchmarkResult const> results) {
    std::vector<Chart> charts;
    for (auto& chart : curves_of(results))
        charts.emplace_back(std::move(chart));
    for (auto& matrix : matrices_of(results))
        charts.emplace_back(std::move(matrix));
    return charts;
}

} // namespace twofold::vmm
