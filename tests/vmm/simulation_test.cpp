#include "sim/access_pattern.hpp"
#include "sim/break_even.hpp"
#include "sim/processor_preset.hpp"
#include "sim/simulation.hpp"
#include "sim/simulation_charts.hpp"
#include "sim/simulation_report.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <memory>

namespace simulation_test {

using namespace twofold;
using namespace twofold::vmm;
using namespace twofold::test;

namespace {

PatternParameters const parameters{.footprint = std::uint64_t{64} << 20, .accesses = 20'000};

OpenSource pattern(std::string_view name, PatternParameters const& of = parameters) {
    return [of, &kind = pattern_named(name)] { return kind.make(of); };
}

SimulationResult simulate(Configuration configuration, std::string_view processor,
                          OpenSource const& source, bool populate = true) {
    if (populate) {
        configuration.populate_from = parameters.first;
        configuration.populate_bytes = parameters.footprint;
    }
    return simulate_all({&configuration, 1}, processor_preset(processor).shape, source, 1,
                        [](std::uint64_t) {})
        .front();
}

} // namespace

TEST_CASE("a stream without accesses, and addresses that are none, are failures and not figures") {
    auto const failure = [](std::vector<std::string> const& words) {
        auto all = std::vector<std::string>{TWOFOLD_COMMAND, "sim", "--technique", "nested"};
        all.insert(all.end(), words.begin(), words.end());
        auto const result = run_command({.words = all});
        CHECK(result.out == "");
        return std::pair{result.status, result.err};
    };
    TemporaryDirectory directory;
    auto const empty = directory.write("empty.trace", "# nothing\n").string();
    CHECK(failure({"--trace", empty}) ==
          std::pair{1, std::string{"twofold: there are no accesses to simulate\n"}});
    auto const high = directory.write("high.trace", "r 0x1000\nw 0x800000000000\n").string();
    auto const [status, text] = failure({"--trace", high});
    CHECK(status == 1);
    CHECK(holds(text, {"0x800000000000", "4 levels", "48 bits"}));
    auto const [short_status, short_text] =
        failure({"--break-even", "--accesses", "20", "--guest-page", "4k"});
    CHECK(short_status == 1);
    CHECK(holds(short_text, {"20 accesses are too few", "once in"}));
    // With five levels it is one.
    CHECK(run_command({.words = {TWOFOLD_COMMAND, "sim", "--trace", high, "--guest-levels", "5"}})
              .status == 0);
    for (std::vector<std::string> const& words : {std::vector<std::string>{"--accesses", "0"},
                                                  {"--accesses", "-1"},
                                                  {"--latency", "4,14,50,-200"}})
        CHECK(failure(words).first == 2);
    CHECK(failure({"--accesses", "-1"}).second ==
          "twofold: --accesses: '-1' is not a number above 0\nTry --help.\n");
}

TEST_CASE("without caches every access costs the cold walk of its technique") {
    auto const references_of = [&](Technique technique, PageSize guest, PageSize host) {
        auto const result =
            simulate({.technique = technique, .guest_page = guest, .host_page = host}, "none",
                     pattern("random"));
        CHECK(result.walks == parameters.accesses);
        CHECK(result.references.total() % result.walks == 0);
        return result.references.total() / result.walks;
    };
    CHECK(references_of(Technique::native, page_4k, page_4k) == 4);
    CHECK(references_of(Technique::native, page_2m, page_4k) == 3);
    CHECK(references_of(Technique::shadow, page_4k, page_4k) == 4);
    CHECK(references_of(Technique::shadow, page_2m, page_2m) == 3);
    CHECK(references_of(Technique::nested, page_4k, page_4k) == 24);
    CHECK(references_of(Technique::nested, page_2m, page_4k) == 19);
    CHECK(references_of(Technique::nested, page_4k, page_1g) == 14);
    CHECK(references_of(Technique::nested, page_1g, page_1g) == 8);
}

TEST_CASE("five levels cost what the closed form says") {
    for (auto const& [guest, ept, expected] :
         {std::tuple{4U, 5U, 29U}, {5U, 4U, 29U}, {5U, 5U, 35U}}) {
        auto const result =
            simulate({.guest_levels = guest, .ept_levels = ept}, "none", pattern("random"));
        CHECK(result.references.total() == expected * result.walks);
    }
    CHECK_THROWS_AS(make_simulation({.guest_levels = 3}, processor_preset("none").shape),
                    UsageError);
}

TEST_CASE("every access is a first-level hit, a second-level hit or a walk") {
    for (auto const& kind : pattern_kinds()) {
        CAPTURE(std::string{kind.name});
        auto const result = simulate({}, "skylake", pattern(kind.name));
        CHECK(result.accesses == parameters.accesses);
        CHECK(result.first_level_hits + result.second_level_hits + result.walks == result.accesses);
        CHECK(result.guest_faults == 0);
    }
}

TEST_CASE("first touches change nothing but the faults that are counted apart") {
    auto const before = simulate({}, "none", pattern("random"));
    auto const lazy = simulate({}, "none", pattern("random"), false);
    CHECK(lazy.references.total() == before.references.total());
    CHECK(lazy.guest_faults > 0);
    CHECK(lazy.ept_violations > lazy.guest_faults);
}

TEST_CASE("shadow tables save the second dimension's references and cost an exit a page") {
    auto const nested = simulate({}, "skylake", pattern("random"), false);
    auto const shadow =
        simulate({.technique = Technique::shadow}, "skylake", pattern("random"), false);
    CHECK(shadow.references.of(Dimension::ept) == 0);
    CHECK(shadow.references.total() < nested.references.total());
    CHECK(shadow.shadow_fills == nested.guest_faults);
    CHECK(shadow.shadow_updates == nested.guest_faults);
}

TEST_CASE("threads change nothing in the results, nor their order") {
    std::array<Configuration, 4> configurations{};
    configurations[1].technique = Technique::native;
    configurations[2].host_page = page_2m;
    configurations[3].guest_page = page_2m;
    auto const run = [&](unsigned threads) {
        std::vector<std::uint64_t> totals;
        for (auto const& result : simulate_all(configurations, processor_preset("skylake").shape,
                                               pattern("zipf"), threads, [](std::uint64_t) {}))
            totals.push_back(result.references.total());
        return totals;
    };
    CHECK(run(1) == run(3));
    CHECK(run(1) == run(8));
}

TEST_CASE("what a source throws ends all simulations") {
    std::array<Configuration, 2> const two{};
    OpenSource const broken = []() -> std::unique_ptr<AccessSource> { throw Failure{"broken"}; };
    CHECK_THROWS_WITH(
        simulate_all(two, processor_preset("none").shape, broken, 2, [](std::uint64_t) {}),
        "broken");
}

TEST_CASE("with data caches every reference was found somewhere") {
    auto const result = simulate({.data_caches = true}, "skylake", pattern("random"));
    std::uint64_t found = 0;
    for (auto const count : result.found_in)
        found += count;
    CHECK(found == result.references.total());
    CHECK(reference_cycles(result, {1, 1, 1, 1}) == static_cast<double>(found));
}

TEST_CASE("on either side of the break-even the other technique is cheaper") {
    auto const found = find_break_even(
        {1500, 20, {.populate_from = parameters.first, .populate_bytes = parameters.footprint}},
        [&](std::span<Configuration const> configurations) {
            return simulate_all(configurations, processor_preset("skylake").shape,
                                pattern("random"), 1, [](std::uint64_t) {});
        });
    REQUIRE(found.runs.size() == 3);
    CHECK(found.runs[1].shadow_cycles < found.runs[1].nested_cycles);
    CHECK(found.runs[2].shadow_cycles > found.runs[2].nested_cycles);
    CHECK(holds(break_even_text(found, Style{false}), {"1500 cycles", "20 cycles", "break-even"}));

    auto const chart = break_even_chart(found);
    REQUIRE(chart.curves.size() == 2);
    for (auto const& curve : chart.curves) {
        REQUIRE(curve.points.size() == 3);
        CHECK(curve.points[0].first == 0);
        CHECK(curve.points[1].first < curve.points[2].first);
    }
    CHECK(chart.curves[0].points[2].second == found.runs[2].shadow_cycles);
    CHECK(chart.curves[1].points[2].second == found.runs[2].nested_cycles);
}

TEST_CASE("charts have a bar and a row a configuration, levels that it lacks being empty") {
    std::array<Configuration, 2> const two{Configuration{.technique = Technique::native},
                                           Configuration{.guest_levels = 5}};
    std::array<SimulationResult, 2> results{};
    results[0].accesses = results[1].accesses = 1;
    results[1].walks = 2;
    results[1].references.add(Dimension::ept, 1, 1);
    results[1].found_in[1] = 1;
    auto const charts = simulation_charts({two, results, Latencies{1, 2, 3, 4}});
    REQUIRE(charts.size() == 3);
    auto const& levels = std::get<MatrixChart>(charts[1]);
    CHECK(levels.rows == std::vector<std::string>{"native 4K", "nested 4K/4K"});
    REQUIRE(levels.columns.size() == 10);
    CHECK(levels.columns[9] == "EPT PTE");
    CHECK_FALSE(levels.values[0][0]); // no PML5E
    CHECK(levels.values[0][4] == 0);
    CHECK_FALSE(levels.values[0][9]); // no EPT
    CHECK(levels.values[1][0] == 0);
    CHECK(levels.values[1][9] == 0.5);
    auto const& found = std::get<MatrixChart>(charts[2]);
    CHECK(found.values[0] == std::vector<std::optional<double>>{0, 0, 0, 0});
    CHECK(found.values[1] == std::vector<std::optional<double>>{0, 100, 0, 0});
    auto const& chart = std::get<BarChart>(charts[0]);
    REQUIRE(chart.bars.size() == 2);
    CHECK(chart.bars[0].label == "native 4K");
    CHECK(chart.bars[0].parts == std::vector<double>{0, 0});
    CHECK(chart.bars[1].parts == std::vector<double>{0, 1});
}

TEST_CASE("every preset says where its figures stand") {
    for (auto const& preset : processor_presets()) {
        CHECK(preset.shape.valid());
        CHECK_FALSE(preset.sources.empty());
    }
    CHECK_THROWS_AS(processor_preset("8086"), UsageError);
}

TEST_CASE("the command prints tables for people and JSON for machines") {
    std::vector<std::string> const words{TWOFOLD_COMMAND, "sim", "--accesses",  "10000",
                                         "--footprint",   "16M", "--processor", "none",
                                         "--guest-page",  "4k",  "--host-page", "4k"};
    auto const text = run_command({words});
    CHECK(text.status == 0);
    CHECK(holds(text.out, {"native 4K", "shadow 4K/4K", "nested 4K/4K", "24.00", "6.00x"}));

    auto with_json = words;
    with_json.insert(with_json.end(), {"--json", "-"});
    auto const json = nlohmann::json::parse(run_command({with_json}).out);
    REQUIRE(json["simulations"].size() == 3);
    CHECK(json["simulations"][2]["references"] == 240'000);

    CHECK(run_command({{TWOFOLD_COMMAND, "sim", "--pattern", "nothing"}}).status == 2);
    CHECK(run_command({{TWOFOLD_COMMAND, "sim", "--trace", "/nowhere"}}).status == 1);
    CHECK(holds(run_command({{TWOFOLD_COMMAND, "sim", "--list"}}).out,
                {"skylake", "Optimization Reference Manual", "assumed", "gups"}));
}

} // namespace simulation_test
