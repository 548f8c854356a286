#include "report/benchmark.hpp"
#include "tests/catch.hpp"

#include <string>
#include <utility>
#include <vector>

namespace benchmark_test {

using namespace twofold::vmm;

namespace {

BenchmarkResult result(double value, double goal, bool exact) {
    return {.name = "frames",
            .unit = "frames",
            .value = value,
            .floor = {},
            .peer = {},
            .goal = goal,
            .source = "",
            .note = "",
            .exact = exact};
}

BenchmarkResult growing(double value, Growth growth) {
    auto made = result(value, value, false);
    made.goal.reset();
    made.growth = std::move(growth);
    return made;
}

} // namespace

TEST_CASE("a goal is reached by less, and a prediction by nothing but what was predicted") {
    CHECK(result(99, 100, false).reached());
    CHECK_FALSE(result(101, 100, false).reached());
    CHECK_FALSE(result(99, 100, true).reached());
    CHECK(result(100, 100, true).reached());
    CHECK_FALSE(result(101, 100, true).reached());
    auto unknown = result(0, 100, true);
    unknown.value.reset();
    CHECK_FALSE(unknown.reached());
}

TEST_CASE("figures that grow stand in a table of what they grow with, in its order") {
    std::vector<BenchmarkResult> const results{
        result(7, 7, true), growing(2610, {"clone", "clones", 1000}),
        growing(2590, {"clone", "clones", 1}), growing(1179, {"cow_break", "clones", 1000}),
        growing(5, {"clone", "generations", 2})};
    auto const text = benchmark_text(results, Style{false});
    CHECK(text.ends_with("\n"
                         "clones  clone  cow_break\n"
                         "     1  2,590\n"
                         " 1,000  2,610      1,179\n"
                         "\n"
                         "generations  clone\n"
                         "          2      5\n"));
    CHECK(text.find("2,610") > text.find("reached"));
    auto const json = benchmark_json(results);
    CHECK(json["results"][0]["exact"] == true);
    CHECK_FALSE(json["results"][0].contains("growth"));
    CHECK(json["results"][1]["growth"]["by"] == "clones");
    CHECK(json["results"][1]["growth"]["at"] == 1000);
}

} // namespace benchmark_test
