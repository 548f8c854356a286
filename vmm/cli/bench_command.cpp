#include "cli/bench_command.hpp"

#include "bench/benchmark_charts.hpp"
#include "bench/benchmarks.hpp"
#include "cli/json_output.hpp"
#include "cli/plot_output.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm {

namespace {

struct BenchOptions {
    std::string name;
    std::string json;
    std::string plot;
    bool check = false;
    bool without_kvm = false;
    std::optional<std::size_t> turns;
};

std::string joined_names(std::string_view separator) {
    std::vector<std::string_view> names;
    std::ranges::transform(benchmarks(), std::back_inserter(names), &Benchmark::name);
    return fmt::format("{}", fmt::join(names, separator));
}

std::string bench_examples() {
    std::string text;
    for (auto const& benchmark : benchmarks())
        text += fmt::format("{}: {}\n\n", benchmark.name, benchmark.about);
    return text + "Examples:\n"
                  "  twofold bench exits\n"
                  "  twofold bench exits --json exits.json\n"
                  "  twofold bench exits --check\n"
                  "  twofold bench exits --no-kvm --check\n"
                  "  twofold bench lazy --turns 11\n"
                  "  twofold bench walk --plot walk.svg";
}

int bench(Context& context, BenchOptions const& options) {
    auto const found = std::ranges::find(benchmarks(), options.name, &Benchmark::name);
    if (found == benchmarks().end()) {
        throw UsageError{fmt::format("there is no benchmark '{}'; there is: {}", options.name,
                                     joined_names(", "))};
    }
    if (options.without_kvm && !found->beside_kvm)
        throw UsageError{fmt::format("--no-kvm: '{}' measures nothing of KVM's beside its own "
                                     "figures; exits does",
                                     options.name)};
    if (!options.plot.empty() && !found->has_charts)
        throw UsageError{fmt::format("--plot: '{}' measures single figures; memory, walk and chase "
                                     "have curves or a matrix",
                                     options.name)};
    if (options.turns && !found->in_turns)
        throw UsageError{
            fmt::format("--turns: '{}' does not take turns with a floor; launch, clone and lazy do",
                        options.name)};
    context.most_turns = options.turns.value_or(context.most_turns);
    context.with_kvm = !options.without_kvm;
    JsonOutput const json{options.json};
    PlotOutput const plot{options.plot};
    auto const results = found->run(context);
    if (json.wanted()) json.write(benchmark_json(results), context.outputs.out);
    if (!json.is_standard_output()) {
        Style const style{context.outputs.out.wants_colour()};
        context.outputs.out.write(benchmark_text(results, style));
    }
    if (plot.wanted()) plot.draw(benchmark_charts(results), context.signals);
    bool const all =
        std::ranges::all_of(results, [](auto const& result) { return result.reached(); });
    return options.check && !all ? exit_failure : exit_success;
}

} // namespace

void add_bench_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<BenchOptions>();
    auto* const command = application.add_subcommand(
        "bench", "Measure, beside the floor, the goal and the figures of others");
    command->add_option("name", options->name, "What to measure")
        ->required()
        ->type_name(joined_names("|"));
    command
        ->add_option("--json", options->json,
                     "Write the results as JSON; -: to standard output, instead of the table")
        ->type_name("FILE|-");
    command
        ->add_option("--plot", options->plot,
                     "Draw the figures that are curves or a matrix; by gnuplot")
        ->type_name("FILE.svg");
    command
        ->add_option("--turns", options->turns,
                     "With launch, clone and lazy: medians of at most N turns with the floor [101]")
        ->type_name("N")
        ->check(CLI::Range(1, 100'000));
    command->add_flag("--check", options->check, "Exit with 1 when a goal is missed");
    command->add_flag("--no-kvm", options->without_kvm,
                      "With exits: leave out KVM's figures, whose measuring takes half a minute");
    command->footer(bench_examples());
    command->callback([options, &chosen] {
        chosen = [options](Context& context) { return bench(context, *options); };
    });
}

} // namespace twofold::vmm
