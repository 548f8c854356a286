#include "bench/benchmark_charts.hpp"
#include "plot/draw.hpp"
#include "plot/gnuplot_script.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"

namespace charts_test {

using namespace twofold::vmm;
using namespace twofold::test;

namespace {

BenchmarkResult figure(double value, std::string unit) {
    return {.name = "a figure",
            .unit = std::move(unit),
            .value = value,
            .floor = {},
            .peer = {},
            .goal = {},
            .source = {},
            .note = {}};
}

BenchmarkResult grown(double value, std::string unit, Growth growth) {
    auto made = figure(value, std::move(unit));
    made.growth = std::move(growth);
    return made;
}

BenchmarkResult in_matrix(double value, MatrixCell cell) {
    auto made = figure(value, "refs");
    made.cell = std::move(cell);
    return made;
}

CurveChart const two_curves{.title = "It's 'quoted', 50 % & <more>_than_that",
                            .x_name = "KiB",
                            .y_name = "ns",
                            .curves = {{"native", {{64, 1}, {1024, 2}}}, {"guest", {{64, 3}}}},
                            .doubling_x = true};

} // namespace

TEST_CASE("figures that grow become curves of their unit, in order of what they grow with") {
    std::vector<BenchmarkResult> const results{
        figure(1, "ns"), grown(9, "ns", {"native", "KiB", 1024}),
        grown(3, "ns", {"native", "KiB", 64}), grown(7, "misses", {"native", "KiB", 64}),
        grown(5, "ns", {"guest", "KiB", 64})};
    auto const charts = benchmark_charts(results);
    REQUIRE(charts.size() == 2);
    auto const& nanoseconds = std::get<CurveChart>(charts[0]);
    REQUIRE(nanoseconds.curves.size() == 2);
    CHECK(nanoseconds.curves[0].name == "native");
    CHECK(nanoseconds.curves[0].points ==
          std::vector<std::pair<double, double>>{{64, 3}, {1024, 9}});
    CHECK(nanoseconds.curves[1].name == "guest");
    CHECK(nanoseconds.doubling_x);
    auto const& misses = std::get<CurveChart>(charts[1]);
    CHECK(misses.y_name == "misses");
    CHECK_FALSE(misses.doubling_x);
}

using Cells = std::vector<std::vector<std::optional<double>>>;

TEST_CASE("cells become their matrices, single figures nothing") {
    constexpr Matrix cold{"cold", "guest", "EPT"};
    std::vector<BenchmarkResult> const results{
        in_matrix(24, {cold, "4k", "4k"}), in_matrix(5, {{"warm", "entry", "left"}, "PDE", "4"}),
        in_matrix(19, {cold, "4k", "2m"}), in_matrix(15, {cold, "2m", "2m"}), figure(1, "refs")};
    auto const charts = benchmark_charts(results);
    REQUIRE(charts.size() == 2);
    auto const& warm = std::get<MatrixChart>(charts[1]);
    CHECK(warm.title == "warm");
    CHECK(warm.row_name == "entry");
    CHECK(warm.values == Cells{{5}});
    auto const& matrix = std::get<MatrixChart>(charts[0]);
    CHECK(matrix.column_name == "EPT");
    CHECK(matrix.rows == std::vector<std::string>{"4k", "2m"});
    CHECK(matrix.columns == std::vector<std::string>{"4k", "2m"});
    CHECK(matrix.values == Cells{{24, 19}, {std::nullopt, 15}});
    CHECK(benchmark_charts(std::vector{figure(1, "ns")}).empty());
}

TEST_CASE("charts are drawn below each other into one SVG document, their names as they are") {
    TemporaryDirectory const directory;
    Signals const signals;
    std::vector<Chart> const charts{
        two_curves, BarChart{"Bars", "references", {"guest", "EPT"}, {{"nested 4K/4K", {4, 20}}}},
        MatrixChart{"Matrix", "EPT", "guest", {"4K", "2M", "1G"}, {"4K"}, {{24, 19, {}}}}};
    draw(charts, directory.file("chart.svg"), signals);
    auto const svg = contents_of(directory.file("chart.svg"));
    CHECK(holds(svg, {"<svg", "It's 'quoted', 50 % &amp; &lt;more>_than_that", "native", "guest",
                      "nested 4K/4K", "Matrix", ">24<", ">19<", "</svg>"}));
    CHECK(gnuplot_script(charts, "x").find("2 0 NaN") != std::string::npos);
    // An empty cell has no number, not even a wrong one; and no picture that a viewer would blur.
    CHECK(svg.find("NaN") == std::string::npos);
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(svg.find("<image") == std::string::npos);
}

TEST_CASE("without gnuplot a chart is refused with the package's name, and nothing is written") {
    TemporaryDirectory const directory;
    auto const file = directory.file("bars.svg");
    auto const refused = run_command({.words = {TWOFOLD_COMMAND, "sim", "--footprint", "64K",
                                                "--accesses", "10", "--plot", file.string()},
                                      .environment = {{"PATH", directory.path().string()}}});
    CHECK(refused.status == 1);
    CHECK(holds(refused.err, {"gnuplot", "gnuplot-nox"}));
    CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a benchmark of single figures can't be drawn") {
    auto const refused = run_command(
        {.words = {TWOFOLD_COMMAND, "bench", "exits", "--plot", "/nonexistent/exits.svg"}});
    CHECK(refused.status == 2);
    CHECK(holds(refused.err, {"--plot", "single figures"}));
}

} // namespace charts_test
