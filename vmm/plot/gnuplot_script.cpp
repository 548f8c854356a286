#include "plot/gnuplot_script.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr unsigned chart_width = 860;
constexpr unsigned chart_height = 460;

/// In single quotes gnuplot knows no escapes but a doubled quote; a line ends the string.
std::string quoted(std::string const& text) {
    std::string made = "'";
    for (char const c : text) {
        if (c == '\'') made += '\'';
        made += c == '\n' ? ' ' : c;
    }
    return made + "'";
}

/// Data for the plot command that comes after it.
class DataBlock {
  public:
    explicit DataBlock(std::string const& name) : text_("$" + name + " << END\n") {}

    template <class... Values>
    void line(Values const&... values) {
        ((text_ += fmt::format("{} ", values)), ...);
        text_ += '\n';
    }
    std::string text() && { return std::move(text_) + "END\n"; }

  private:
    std::string text_;
};

std::string axes(std::string const& title, std::string const& x, std::string const& y) {
    return fmt::format("set title {}\nset xlabel {}\nset ylabel {}\n", quoted(title), quoted(x),
                       quoted(y));
}

std::string joined(std::vector<std::string> const& parts) {
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string script_of(CurveChart const& chart, std::size_t number) {
    std::string script = axes(chart.title, chart.x_name, chart.y_name);
    script += "set key outside right\nset grid ytics\n";
    script += chart.logarithmic_y ? "set logscale y\n" : "set yrange [0:*]\n";
    if (chart.doubling_x) script += "set logscale x 2\n";
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < chart.curves.size(); ++at) {
        auto const& curve = chart.curves[at];
        auto const name = fmt::format("curve_{}_{}", number, at);
        DataBlock data{name};
        for (auto const& [x, y] : curve.points)
            data.line(x, y);
        script += std::move(data).text();
        lines.push_back(
            fmt::format("${} using 1:2 with linespoints title {}", name, quoted(curve.name)));
    }
    return script + fmt::format("plot {}\n", joined(lines));
}

std::string script_of(BarChart const& chart, std::size_t number) {
    auto const name = fmt::format("bars_{}", number);
    DataBlock data{name};
    std::vector<std::string> labels;
    for (std::size_t at = 0; at < chart.bars.size(); ++at) {
        data.line(fmt::format("{}", fmt::join(chart.bars[at].parts, " ")));
        labels.push_back(fmt::format("{} {}", quoted(chart.bars[at].label), at));
    }
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < chart.part_names.size(); ++at)
        parts.push_back(
            fmt::format("${} using {} title {}", name, at + 1, quoted(chart.part_names[at])));
    return axes(chart.title, "", chart.y_name) + std::move(data).text() +
           "set style data histogram\nset style histogram rowstacked\nset style fill solid\n"
           "set boxwidth 0.7\nset yrange [0:*]\nset grid ytics\nset key outside right\n" +
           fmt::format("set xtics rotate by -35 ({})\nplot {}\n", joined(labels), joined(parts));
}

std::string cell_text(std::optional<double> value) {
    return value ? fmt::format("{}", *value) : "NaN";
}

std::string script_of(MatrixChart const& chart, std::size_t number) {
    auto const name = fmt::format("matrix_{}", number);
    DataBlock data{name};
    auto const ticks = [](std::vector<std::string> const& labels) {
        std::vector<std::string> made;
        for (std::size_t at = 0; at < labels.size(); ++at)
            made.push_back(fmt::format("{} {}", quoted(labels[at]), at));
        return joined(made);
    };
    for (std::size_t row = 0; row < chart.values.size(); ++row) {
        for (std::size_t column = 0; column < chart.values[row].size(); ++column)
            data.line(column, row, cell_text(chart.values[row][column]));
    }
    return axes(chart.title, chart.column_name, chart.row_name) + std::move(data).text() +
           fmt::format("set xtics ({})\nset ytics ({})\n", ticks(chart.columns),
                       ticks(chart.rows)) +
           "unset key\nset yrange [*:*] reverse\nset palette defined (0 '#eef4fb', 1 '#2b6cb0')\n"
           "set cbrange [0:*]\n" +
           // Cells one by one: viewers blur what is drawn as one picture.
           fmt::format("plot ${0} using 1:2:3 with image pixels, "
                       "${0} using 1:2:(valid(3) ? sprintf('%.4g', $3) : '') with labels\n",
                       name);
}

} // namespace

std::string gnuplot_script(std::span<Chart const> charts, std::string const& output) {
    std::string script =
        fmt::format("set encoding utf8\n"
                    "set terminal svg size {},{} noenhanced background rgb 'white'\n"
                    "set output {}\nset multiplot layout {},1\n",
                    chart_width, chart_height * charts.size(), quoted(output), charts.size());
    for (std::size_t at = 0; at < charts.size(); ++at) {
        // What one chart sets means nothing to the next.
        script += "reset\n";
        script += std::visit([at](auto const& chart) { return script_of(chart, at); }, charts[at]);
    }
    return script + "unset multiplot\n";
}

} // namespace twofold::vmm
