#include "cli/sim_command.hpp"

#include "bench/sim_loop.hpp"
#include "cli/json_output.hpp"
#include "cli/plot_output.hpp"
#include "cli/sim_options.hpp"
#include "report/table.hpp"
#include "sim/access_pattern.hpp"
#include "sim/break_even.hpp"
#include "sim/processor_preset.hpp"
#include "sim/simulation.hpp"
#include "sim/simulation_charts.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace twofold::vmm {

namespace {

constexpr char const* sim_examples =
    R"(Every configuration walks real page tables, with TLBs, paging-structure caches and a nested TLB, and
counts references: reads of paging-structure entries. The pages of a trace are mapped at their first touch,
those of a pattern before.

Examples:
  twofold sim --pattern random --footprint 16G
  twofold sim --trace accesses.xz --processor zen2 --guest-page 4k,2m,1g --host-page 4k,2m,1g
  valgrind --tool=lackey --trace-mem=yes --log-file=ls.trace ls; twofold sim --trace ls.trace
  twofold sim --pattern zipf --latency 4,14,50,200
  twofold sim --break-even --footprint 4G --plot crossing.svg
  twofold walk touch --tables touch.csv -- --pages 100
  twofold sim --tables touch.csv --pattern random --first 0x450000 --footprint 256K
  twofold sim --list)";

/// "12,345,678 accesses, 41 million a second", on terminals.
class StreamProgress {
  public:
    StreamProgress(Context& context, std::uint64_t simulations)
        : context_(context), simulations_(simulations), shown_(context.outputs.err.is_terminal()) {}
    ~StreamProgress() {
        if (written_) context_.outputs.err.write("\r\x1b[K");
    }
    StreamProgress(StreamProgress const&) = delete;
    StreamProgress& operator=(StreamProgress const&) = delete;

    void operator()(std::uint64_t accesses) {
        context_.signals.check();
        std::chrono::duration<double> const past = std::chrono::steady_clock::now() - started_;
        if (!shown_ || past.count() < 1) return;
        context_.outputs.err.write(fmt::format(
            "\r\x1b[K{} accesses in {} simulations, {:.1f} million a second", grouped(accesses),
            simulations_, static_cast<double>(accesses) / past.count() / 1e6));
        written_ = true;
    }

  private:
    Context& context_;
    std::uint64_t simulations_;
    bool shown_;
    bool written_ = false;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

std::vector<SimulationResult> simulate(Context& context, SimOptions const& options,
                                       std::span<Configuration const> configurations) {
    StreamProgress progress{context, configurations.size()};
    return simulate_all(configurations, processor_preset(options.processor).shape, options.source(),
                        options.thread_count(),
                        [&progress](std::uint64_t accesses) { progress(accesses); });
}

std::string list_text(Style const& style) {
    std::string text = style.heading("patterns") + "\n";
    Table patterns;
    for (auto const& kind : pattern_kinds())
        patterns.add({{std::string{kind.name}}, {std::string{kind.description}}});
    text += patterns.render(2) + style.heading("processors") + "\n";
    for (auto const& preset : processor_presets()) {
        text += fmt::format("  {}: {}\n", preset.name, preset.description);
        for (std::string_view lines : {preset.sources, preset.assumptions}) {
            while (!lines.empty()) {
                auto const end = std::min(lines.find('\n'), lines.size());
                text += fmt::format("    {}\n", lines.substr(0, end));
                lines.remove_prefix(std::min(end + 1, lines.size()));
            }
        }
    }
    return text;
}

int break_even(Context& context, SimOptions const& options) {
    if (!options.tables.empty())
        throw UsageError{"--break-even changes tables; --tables are as they were recorded"};
    JsonOutput const json{options.json};
    PlotOutput const plot{options.plot};
    auto const found = find_break_even(
        {options.exit_cycles, options.reference_cycles, options.configurations().front()},
        [&](std::span<Configuration const> configurations) {
            return simulate(context, options, configurations);
        });
    if (json.wanted()) json.write(break_even_json(found), context.outputs.out);
    if (!json.is_standard_output())
        context.outputs.out.write(
            break_even_text(found, Style{context.outputs.out.wants_colour()}));
    Chart const chart = break_even_chart(found);
    if (plot.wanted()) plot.draw({&chart, 1}, context.signals);
    return exit_success;
}

int sim(Context& context, SimOptions const& options) {
    Style const style{context.outputs.out.wants_colour()};
    if (options.list) {
        context.outputs.out.write(list_text(style));
        return exit_success;
    }
    if (options.break_even) return break_even(context, options);
    if (options.techniques.empty()) throw UsageError{"--technique names none"};
    JsonOutput const json{options.json};
    PlotOutput const plot{options.plot};
    auto const configurations = options.configurations();
    auto const results = simulate(context, options, configurations);
    SimulationReport const report{configurations, results, options.latency_list()};
    if (json.wanted()) json.write(simulation_json(report), context.outputs.out);
    if (!json.is_standard_output()) {
        context.outputs.out.write(fmt::format(
            "{} accesses of {}, caches of {}\n", grouped(results.front().accesses),
            options.trace.empty() ? options.pattern : options.trace, options.processor));
        context.outputs.out.write(simulation_text(report, style));
    }
    if (plot.wanted()) plot.draw(simulation_charts(report), context.signals);
    return exit_success;
}

/// For an instruction counter: what `twofold bench sim` measures, and nothing else.
void add_loop_command(CLI::App& application, Action& chosen) {
    auto const name = std::make_shared<std::string>();
    auto* const command = application.add_subcommand("sim-loop", "");
    command->group("");
    command->add_option("name", *name)->required();
    command->callback([name, &chosen] {
        chosen = [name](Context&) {
            auto const loop = std::ranges::find(sim_loops(), *name, &SimLoop::name);
            if (loop == sim_loops().end())
                throw UsageError{fmt::format("there is no loop '{}'", *name)};
            PreparedSimLoop{*loop}.run();
            return exit_success;
        };
    });
}

} // namespace

void add_sim_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<SimOptions>();
    auto* const command = application.add_subcommand(
        "sim", "Simulate translation caches and walks for a stream of accesses");
    options->add_to(*command);
    command->footer(sim_examples);
    add_loop_command(application, chosen);
    command->callback([options, &chosen] {
        chosen = [options](Context& context) { return sim(context, *options); };
    });
}

} // namespace twofold::vmm
