#include "cli/run_command.hpp"

#include "cli/json_output.hpp"
#include "cli/launch_options.hpp"
#include "cli/option_list.hpp"
#include "cli/plot_output.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "report/console_filter.hpp"
#include "report/run_charts.hpp"
#include "report/run_json.hpp"
#include "report/run_text.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

constexpr char const* run_examples =
    R"(The guest's console goes to standard output, the report to standard error.
Exit status: the guest's own; 1 if it did not end by itself or could not run; 2 for usage.

Examples:
  twofold run hello
  twofold run touch --memory 128M --host-page 2m
  twofold run touch --populate eager -- 1000
  twofold run clone --clones 3
  twofold run hello --engine kvm --clones 8 --clones-as processes
  twofold run hello --engine kvm --repeat 1000 --quiet
  twofold run clone --with hello --with 'hello --exit 3' --weights 3,1,1
  twofold run ./vmlinuz --engine kvm --initrd initrd.img -- console=ttyS0
  twofold run ./my-kernel.elf --timeout 10 --json run.json
  twofold run touch --engine kvm --lazy-by userfault --plot faults.svg
  twofold run hello --quiet > console.txt)";

struct RunOptions {
    LaunchOptions launch;
    std::string json;
    std::string plot;
    bool quiet = false;
    bool raw = false;
};

nlohmann::ordered_json document(Session const& session, Engine const& engine,
                                LaunchPlan const& plan, std::string const& console) {
    nlohmann::ordered_json json{
        {"engine", engine.name()},
        {"machine_memory_bytes", engine.machine_memory(plan)},
        {"arguments", plan.guests.front().arguments},
        {"exit_status", session.exit_status()},
        {"failure", nullptr},
        {"wall_seconds", session.ending().wall.count()},
        {"console", console},
    };
    if (std::string const failure = session.failure(Style{false}); !failure.empty())
        json["failure"] = failure;
    json.update(run_json(session.report()));
    return json;
}

/// Where to reach what waits for a debugger; of engines that say more nothing is wanted.
std::function<void(std::string_view)> announced_by(Context& context, EngineOptionTexts const& on) {
    if (on.gdb.empty()) return {};
    return [&context](std::string_view line) {
        context.outputs.err.write(fmt::format("{}\n", visible(line)));
    };
}

int run(Context& context, RunOptions const& options) {
    auto const plan = options.launch.plan();
    auto on = options.launch.on;
    on.board.for_a_pc_kernel = plan.guests.front().boot.has_value();
    JsonOutput const json{options.json};
    PlotOutput const plot{options.plot};
    on.figures = json.wanted() || plot.wanted() || !options.quiet;
    auto const engine = on.make();
    Output& console_output = json.is_standard_output() ? context.outputs.err : context.outputs.out;

    EventLoop loop{context.signals};
    Progress progress{context.outputs.err, plan.guests.front().name() + " runs"};
    std::string console;
    Session session{*engine,
                    plan,
                    loop,
                    {.console =
                         [&](std::string_view text) {
                             progress.make_way_for(text);
                             console_output.write(text);
                             if (json.wanted()) console += text;
                         },
                     .raw = options.raw,
                     .engine_line = announced_by(context, options.launch.on)}};
    Run* const run = &session.run();
    finish_all(loop, {&run, 1}, progress.ticker());
    session.finish();
    progress.make_way_for("\n");

    Style const style{context.outputs.err.wants_colour()};
    std::string const failure = session.failure(style);
    if (json.wanted()) json.write(document(session, *engine, plan, console), context.outputs.out);
    if (!json.is_standard_output())
        context.outputs.err.write(options.quiet ? broken_off_text(session.report(), style)
                                                : run_text(session.report(), style));
    context.outputs.err.write(failure);
    if (plot.wanted()) plot.draw(run_charts(session.report()), context.signals);
    return session.exit_status();
}

CLI::App& add_command(CLI::App& application) {
    return *application.add_subcommand("run", "Run a guest kernel over EPT");
}

void describe(CLI::App& command, OptionList list, Action& chosen) {
    auto const options = std::make_shared<RunOptions>();
    options->launch.add_several_to(list);
    list.add_option("--json", options->json,
                    "Write the whole run as JSON; -: to standard output, the console going to "
                    "standard error")
        ->type_name("FILE|-");
    list.add_option(
            "--plot", options->plot,
            "Draw exits by reason, faults by duration, and pages by interval of a dirty log "
            "or look at the working set; by gnuplot")
        ->type_name("FILE.svg");
    list.add_flag("-q,--quiet", options->quiet,
                  "Print no report, but why a guest did not end by itself");
    list.add_flag("--raw", options->raw,
                  "Pass the console on as it is; otherwise control characters are made visible");
    command.footer(run_examples);
    command.callback([options, &chosen] {
        chosen = [options](Context& context) { return run(context, *options); };
    });
}

} // namespace

void add_run_command(CLI::App& application, Action& chosen) {
    auto& command = add_command(application);
    describe(command, command, chosen);
}

void add_run_command(CLI::App& application, Action& chosen, Words words) {
    auto& command = add_command(application);
    describe(command, {command, words}, chosen);
}

} // namespace twofold::vmm
