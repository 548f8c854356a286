#include "cli/completion_command.hpp"

#include "cli/installation.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr char const* completion_examples = R"(Examples:
  source <(twofold completion bash)
  twofold completion bash > /etc/bash_completion.d/twofold
  twofold completion guests      (the names of the kernels of the family, one a line))";

/// What bash does: the words for the option before the cursor, or else the command's options and
/// guests.
constexpr std::string_view script = R"bash(# bash completion for twofold
_twofold()
{{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command="${{COMP_WORDS[1]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$current"))
        return
    fi
    case "$command $previous" in
{values}    esac
    if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    case "$command" in
{options}    esac
    if [[ "$current" != -* ]]; then
        case "$command" in
        run|walk|explore|image)
            words="$("${{COMP_WORDS[0]}}" completion guests 2>/dev/null)"
            COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
            return ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o filenames -F _twofold twofold
)bash";

/// "4k 2m 1g" out of "4k|2m|1g"; nothing where the values are not words to choose from.
std::string values_of(CLI::Option const& option) {
    std::string values = option.get_type_name();
    bool const choice = values.find('|') != std::string::npos &&
                        std::ranges::none_of(values, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!choice) return {};
    std::ranges::replace(values, '|', ' ');
    return values;
}

std::string flags_of(CLI::Option const& option) {
    std::vector<std::string> flags;
    for (auto const& name : option.get_lnames())
        flags.push_back("--" + name);
    for (auto const& name : option.get_snames())
        flags.push_back("-" + name);
    return fmt::format("{}", fmt::join(flags, " "));
}

std::string bash_script(CLI::App const& application) {
    std::vector<std::string> command_names;
    std::string values;
    std::string options;
    for (auto const* const command :
         application.get_subcommands([](CLI::App const*) { return true; })) {
        std::string const name = command->get_name();
        std::vector<std::string> flags;
        for (auto const* const option : command->get_options()) {
            if (option->get_positional()) continue;
            flags.push_back(flags_of(*option));
            if (auto const words = values_of(*option); !words.empty()) {
                values += fmt::format("    \"{} --{}\") words=\"{}\" ;;\n", name,
                                      option->get_lnames().front(), words);
            }
        }
        command_names.push_back(name);
        options += fmt::format("    {}) words=\"{}\" ;;\n", name, fmt::join(flags, " "));
    }
    return fmt::format(fmt::runtime(script),
                       fmt::arg("commands", fmt::format("{}", fmt::join(command_names, " "))),
                       fmt::arg("values", values), fmt::arg("options", options));
}

int complete(Context& context, CLI::App const& application, std::string const& shell) {
    if (shell == "guests") {
        for (auto const& name : known_guests())
            context.outputs.out.write(name + '\n');
        return exit_success;
    }
    if (shell != "bash")
        throw UsageError{fmt::format("there is no completion for '{}'; there is: bash", shell)};
    context.outputs.out.write(bash_script(application));
    return exit_success;
}

} // namespace

void add_completion_command(CLI::App& application, Action& chosen) {
    auto const shell = std::make_shared<std::string>();
    auto* const command =
        application.add_subcommand("completion", "Print a completion script for a shell");
    command->add_option("shell", *shell, "The shell")->required()->type_name("bash");
    command->footer(completion_examples);
    command->callback([shell, &application, &chosen] {
        chosen = [shell, &application](Context& context) {
            return complete(context, application, *shell);
        };
    });
}

} // namespace twofold::vmm
