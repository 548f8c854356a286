#include "cli/application.hpp"

#include "cli/bench_command.hpp"
#include "cli/completion_command.hpp"
#include "cli/doctor_command.hpp"
#include "cli/image_command.hpp"
#include "cli/run_command.hpp"
#include "cli/sim_command.hpp"
#include "cli/snapshot_command.hpp"
#include "cli/walk_command.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace twofold::vmm {

namespace {

constexpr char const* examples = R"(Start with:
  twofold doctor
  twofold run hello
  twofold walk walk --guest-page 4k --host-page 4k)";

/// A standard file that is closed would be whatever is opened next.
void open_standard_files() {
    for (int const descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(descriptor, F_GETFD) < 0) (void)open("/dev/null", O_RDWR);
}

void build(CLI::App& application, Action& chosen) {
    application.set_version_flag("--version", std::string{"twofold "} + TWOFOLD_VERSION);
    application.require_subcommand(1);
    application.footer(examples);
    application.failure_message([](CLI::App const*, CLI::Error const& error) {
        return fmt::format("twofold: {}\nTry --help.\n", error.what());
    });
    add_run_command(application, chosen);
    add_walk_command(application, chosen);
    add_bench_command(application, chosen);
    add_sim_command(application, chosen);
    add_image_command(application, chosen);
    add_snapshot_command(application, chosen);
    add_doctor_command(application, chosen);
    add_completion_command(application, chosen);
}

/// --help and --version end here too, as errors of status 0.
int explain(CLI::App const& application, CLI::ParseError const& error, Outputs& outputs) {
    auto const unknown = application.remaining();
    if (dynamic_cast<CLI::RequiredError const*>(&error) != nullptr && !unknown.empty()) {
        outputs.err.write(
            fmt::format("twofold: there is no command '{}'\nTry --help.\n", unknown.front()));
        return exit_usage;
    }
    std::ostringstream out;
    std::ostringstream err;
    int const status = application.exit(error, out, err);
    outputs.out.write(out.str());
    outputs.err.write(err.str());
    return status == 0 ? exit_success : exit_usage;
}

int run(int argument_count, char** arguments, Context& context) {
    CLI::App application{"Runs tiny guest kernels over EPT and counts what nested paging costs.",
                         "twofold"};
    Action chosen;
    build(application, chosen);
    try {
        application.parse(argument_count, arguments);
    } catch (CLI::ParseError const& error) {
        return explain(application, error, context.outputs);
    }
    return chosen(context);
}

void say(Outputs& outputs, std::string_view message) {
    try {
        outputs.err.write(fmt::format("twofold: {}\n", message));
    } catch (Failure const&) {
        return; // there is nowhere left to say it; the exit status does
    }
}

} // namespace

int run_application(int argument_count, char** arguments) {
    open_standard_files();
    Outputs outputs = Outputs::standard();
    try {
        Context context;
        return run(argument_count, arguments, context);
    } catch (OutputClosed const& closed) {
        return closed.exit_status();
    } catch (Failure const& failure) {
        say(outputs, failure.what());
        return failure.exit_status();
    } catch (std::exception const& error) {
        say(outputs, error.what());
        return exit_failure;
    }
}

} // namespace twofold::vmm
