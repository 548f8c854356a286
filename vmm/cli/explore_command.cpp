#include "cli/explore_command.hpp"

#include "cli/launch_options.hpp"
#include "cli/option_list.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "explore/page.hpp"
#include "report/run_text.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr char const* explore_examples =
    R"(The guest is run four times on one machine, with 4K and 2M pages over EPT pages of 4K and 2M. The
page shows the first whole walk that it asks for in each: step by the arrow keys.

Examples:
  twofold explore -o walk.html
  twofold explore walk -o walk.html -- --map 2m)";

struct ExploreOptions {
    std::string guest = "walk";
    std::vector<std::string> arguments;
    std::string output;
    std::string memory;
    std::string timeout = "60";
};

LaunchPlan explored_plan(ExploreOptions const& options) {
    LaunchPlan plan;
    for (char const* const guest_page : {"4k", "2m"}) {
        for (char const* const host_page : {"4k", "2m"}) {
            GuestOptionTexts how;
            how.memory = options.memory;
            how.timeout = options.timeout;
            how.guest_page = guest_page;
            how.host_page = host_page;
            plan.guests.push_back(how.plan(options.guest, options.arguments));
        }
    }
    return plan;
}

record::Walk const& first_whole_walk(GuestReport const& guest) {
    auto const whole = std::ranges::find_if(guest.walks, [](auto const& w) { return !w.fault; });
    if (whole == guest.walks.end())
        throw Failure{
            fmt::format("{} asked for no walk that finds a translation; the kernel `walk` of "
                        "the family does",
                        guest.name)};
    return *whole;
}

int explore(Context& context, ExploreOptions const& options) {
    require_directory_of("--output", options.output);
    auto const plan = explored_plan(options);
    auto const engine = EngineOptionTexts{}.make();
    EventLoop loop{context.signals};
    Progress progress{context.outputs.err, "recording walks"};
    Session session{*engine, plan, loop, {}};
    Run* const run = &session.run();
    finish_all(loop, {&run, 1}, progress.ticker());
    session.finish();
    progress.make_way_for("\n");
    Style const style{context.outputs.err.wants_colour()};
    context.outputs.err.write(broken_off_text(session.report(), style) + session.failure(style));
    if (session.exit_status() != exit_success) return session.exit_status();

    std::vector<record::Walk> walks;
    for (auto const& guest : session.report().guests())
        walks.push_back(first_whole_walk(guest));
    auto const page = explorer_page(walks);
    write_file(options.output, page);
    context.outputs.out.write(
        fmt::format("{}: {} bytes, {} walks\n", options.output, page.size(), walks.size()));
    return exit_success;
}

} // namespace

void add_explore_command(CLI::App& application, Action& chosen) {
    auto const options = std::make_shared<ExploreOptions>();
    auto* const command = application.add_subcommand(
        "explore", "Write a page that steps through recorded walks, reference by reference");
    command
        ->add_option("guest", options->guest,
                     "An ELF file, or the name of a kernel of the family, that asks for a walk")
        ->type_name("GUEST")
        ->capture_default_str();
    command->add_option("arguments", options->arguments, "Arguments of the guest, after --")
        ->type_name("ARGS");
    command->add_option("-o,--output", options->output, "The HTML page")
        ->required()
        ->type_name("FILE");
    command->add_option("--memory", options->memory, "The guest's memory [64M]")->type_name("SIZE");
    command
        ->add_option("--timeout", options->timeout, "Stop a guest that runs longer than S seconds")
        ->type_name("S")
        ->capture_default_str();
    command->footer(explore_examples);
    command->callback([options, &chosen] {
        chosen = [options](Context& context) { return explore(context, *options); };
    });
}

} // namespace twofold::vmm
