// Tables as pictures: what a chart shows, apart from how it is drawn.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace twofold::vmm {

/// A line through points: x and y, in the units that the chart's axes name.
struct Curve {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

struct CurveChart {
    std::string title;
    std::string x_name;
    std::string y_name;
    std::vector<Curve> curves;
    /// x in powers of two. Every x is then above 0.
    bool doubling_x = false;
    /// y in powers of ten. Every y is then above 0.
    bool logarithmic_y = false;
};

/// One bar for each label, stacked of one part for each name.
struct BarChart {
    std::string title;
    std::string y_name;
    std::vector<std::string> part_names;
    struct Bar {
        std::string label;
        /// As many as there are names.
        std::vector<double> parts;
    };
    std::vector<Bar> bars;
};

/// A number in each cell, the darker the larger.
struct MatrixChart {
    std::string title;
    std::string column_name;
    std::string row_name;
    std::vector<std::string> columns;
    std::vector<std::string> rows;
    /// values[row][column]; a cell that has none stays empty.
    std::vector<std::vector<std::optional<double>>> values;
};

using Chart = std::variant<CurveChart, BarChart, MatrixChart>;

} // namespace twofold::vmm
