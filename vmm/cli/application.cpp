#include "cli/application.hpp"

#include "cli/bench_command.hpp"
#include "cli/completion_command.hpp"
#include "cli/doctor_command.hpp"
#include "cli/explore_command.hpp"
#include "cli/image_command.hpp"
#include "cli/run_command.hpp"
#include "cli/sim_command.hpp"
#include "cli/snapshot_command.hpp"
#include "cli/trace_command.hpp"
#include "cli/walk_command.hpp"
#include "kvm/early_cpuid.hpp"
#include "report/console_filter.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <span>
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

struct Command {
    std::string_view name;
    void (*add)(CLI::App& application, Action& chosen);
};

constexpr Command commands[] = {
    {"run", add_run_command},       {"walk", add_walk_command},
    {"trace", add_trace_command},   {"explore", add_explore_command},
    {"bench", add_bench_command},   {"sim", add_sim_command},
    {"image", add_image_command},   {"snapshot", add_snapshot_command},
    {"doctor", add_doctor_command}, {"completion", add_completion_command},
};

/// Describing all options takes longer than a guest's launch: where the first word is a command,
/// only that one is described. Completion is about all of them.
bool is_wanted(Command const& command, std::string_view first_word) {
    bool const known =
        first_word != "completion" &&
        std::ranges::find(commands, first_word, &Command::name) != std::end(commands);
    return !known || command.name == first_word;
}

void build(CLI::App& application, Action& chosen, std::string_view first_word) {
    application.set_version_flag("--version", std::string{"twofold "} + TWOFOLD_VERSION);
    application.require_subcommand(1);
    application.footer(examples);
    application.failure_message([](CLI::App const*, CLI::Error const& error) {
        return fmt::format("twofold: {}\nTry --help.\n", visible(error.what()));
    });
    for (auto const& command : commands)
        if (is_wanted(command, first_word)) command.add(application, chosen);
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

/// What `run` is to do, if all that stands behind it is known. Then nothing else of it is
/// described.
Action parse_briefly(int argument_count, char** arguments) {
    if (argument_count < 2 || arguments[1] != std::string_view{"run"}) return {};
    CLI::App application;
    Action chosen;
    add_run_command(application, chosen, {arguments + 1, arguments + argument_count});
    try {
        application.parse(argument_count, arguments);
    } catch (CLI::ParseError const&) {
        return {}; // to be said with all options in view
    }
    return chosen;
}

/// Whether the launch comes to KVM, as far as the words of its command line tell before they are
/// understood.
bool comes_to_kvm(std::span<char const* const> words) {
    if (words.size() < 2 || words[1] != std::string_view{"run"}) return false;
    return std::ranges::any_of(words, [](std::string_view word) {
        return word == "kvm" || word == "auto" || word == "--engine=kvm" || word == "--engine=auto";
    });
}

int run(int argument_count, char** arguments, Context& context) {
    if (comes_to_kvm({arguments, arguments + argument_count})) kvm::ask_cpuid_early();
    if (auto const action = parse_briefly(argument_count, arguments)) return action(context);
    CLI::App application{"Runs tiny guest kernels over EPT and counts what nested paging costs.",
                         "twofold"};
    Action chosen;
    build(application, chosen, argument_count > 1 ? arguments[1] : "");
    try {
        application.parse(argument_count, arguments);
    } catch (CLI::ParseError const& error) {
        return explain(application, error, context.outputs);
    }
    return chosen(context);
}

void say(Outputs& outputs, std::string_view message) {
    try {
        outputs.err.write(fmt::format("twofold: {}\n", visible(message)));
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
