#include "cli/doctor_command.hpp"

#include "cli/health.hpp"
#include "cli/json_output.hpp"
#include "report/style.hpp"
#include "report/table.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

constexpr char const* doctor_examples =
    R"(One line for each thing that is looked for, and what to do where it is missing.
Exit status: 0 if guests can be run in Bochs, which is the main job; 1 if not.

Examples:
  twofold doctor
  twofold doctor --json -)";

nlohmann::ordered_json document(std::vector<Finding> const& findings, bool usable) {
    nlohmann::ordered_json checks = nlohmann::ordered_json::array();
    for (auto const& finding : findings) {
        checks.push_back(
            {{"name", finding.name},
             {"ok", finding.ok},
             {"needed", finding.needed},
             {"detail", finding.detail},
             {"remedy", finding.remedy.empty() ? nlohmann::ordered_json{}
                                               : nlohmann::ordered_json(finding.remedy)}});
    }
    return {{"usable", usable}, {"checks", checks}};
}

std::string findings_text(std::vector<Finding> const& findings, Style const& style) {
    Table table;
    for (auto const& finding : findings) {
        std::function<std::string(std::string_view)> colour;
        std::string verdict = "ok";
        if (finding.ok) {
            colour = [&](std::string_view text) { return style.good(text); };
        } else {
            verdict = finding.needed ? "MISSING" : "-";
            if (finding.needed) colour = [&](std::string_view text) { return style.bad(text); };
        }
        std::string detail = finding.detail;
        if (!finding.remedy.empty()) detail += "; " + finding.remedy;
        table.add({{verdict, false, colour}, {finding.name}, {detail}});
    }
    return table.render();
}

int doctor(Context& context, std::string const& json_target) {
    auto const findings = examine_machine(context.signals);
    bool const usable =
        std::ranges::all_of(findings, [](auto const& f) { return f.ok || !f.needed; });
    JsonOutput const json{json_target};
    if (json.wanted()) json.write(document(findings, usable), context.outputs.out);
    if (!json.is_standard_output()) {
        Style const style{context.outputs.out.wants_colour()};
        context.outputs.out.write(findings_text(findings, style));
        context.outputs.out.write(usable ? "guests can be run: twofold run hello\n"
                                         : "guests can't be run here yet\n");
    }
    return usable ? exit_success : exit_failure;
}

} // namespace

void add_doctor_command(CLI::App& application, Action& chosen) {
    auto const json = std::make_shared<std::string>();
    auto* const command =
        application.add_subcommand("doctor", "Say what this machine can do and what is missing");
    command
        ->add_option("--json", *json,
                     "Write the findings as JSON; -: to standard output, instead of the text")
        ->type_name("FILE|-");
    command->footer(doctor_examples);
    command->callback(
        [json, &chosen] { chosen = [json](Context& context) { return doctor(context, *json); }; });
}

} // namespace twofold::vmm
