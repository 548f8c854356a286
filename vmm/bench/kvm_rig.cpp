#include "bench/kvm_rig.hpp"

#include "cli/installation.hpp"
#include "cli/progress.hpp"
#include "system/failure.hpp"
#include "system/file_descriptor.hpp"
#include "system/program_output.hpp"
#include "system/scratch_directory.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>

namespace twofold::vmm {

namespace {

/// The kernel's name, then the document: nothing else reaches the machine's serial port.
constexpr std::string_view rig_commands =
    "cat /proc/sys/kernel/osrelease\n"
    "twofold run exits --engine kvm --memory 16M --quiet --json /tmp/run.json "
    "-- --vmcall >/tmp/console 2>&1 || { cat /tmp/console; exit 1; }\n"
    "cat /tmp/run.json\n";

constexpr std::chrono::minutes limit{5};

/// The build that has the static command: this program's own, or the preset release of its tree.
std::filesystem::path build_for(std::filesystem::path const& tree) {
    auto const own = own_program().parent_path().parent_path();
    auto const is_whole = [](std::filesystem::path const& build) {
        return std::filesystem::exists(build / "vmm/twofold_static");
    };
    return is_whole(own) ? own : tree / "build/release";
}

std::string run_rig(Context& context) {
    auto const tree = own_program().parent_path().parent_path().parent_path().parent_path();
    auto const rig = tree / "scripts/kvm-rig";
    if (!std::filesystem::exists(rig))
        throw Failure{
            fmt::format("{} is missing: it takes the command of a built tree", rig.string())};
    auto const commands = make_memory_file("commands", rig_commands);
    ScratchDirectory const scratch;
    Progress progress{context.outputs.err, "measuring KVM, in Linux in Bochs"};
    auto const output = output_of(
        {rig.string(), "bochs", commands.path(), build_for(tree).string(), scratch.path().string()},
        context.signals, limit, {commands.get()}, progress.ticker());
    if (output.exit_status != 0)
        throw Failure{
            fmt::format("scripts/kvm-rig ended with {}:\n{}", output.exit_status, output.text)};
    return output.text;
}

/// What `text` says: the line before the document names the kernel. Before that stands what
/// fetching it says.
KvmFigures parsed(std::string const& text) {
    KvmFigures measured;
    auto const begin = text.find("{\n");
    try {
        auto const document =
            nlohmann::json::parse(text.substr(begin == std::string::npos ? text.size() : begin));
        for (auto const& figure : document.at("guests").at(0).at("figures"))
            measured.ticks[figure.at("name")] = figure.at("value");
    } catch (nlohmann::json::exception const&) {
        throw Failure{"scripts/kvm-rig did not give the guest's report:\n" + text};
    }
    auto const before = text.substr(0, begin == 0 ? 0 : begin - 1);
    measured.kernel = before.substr(before.rfind('\n') + 1);
    return measured;
}

} // namespace

KvmFigures kvm_figures_in_rig(Context& context) {
    try {
        return parsed(run_rig(context));
    } catch (Interrupted const&) {
        throw;
    } catch (Failure const& failure) {
        throw Failure{fmt::format("KVM's figures can't be measured: {}\n(--no-kvm leaves them out)",
                                  failure.what())};
    }
}

} // namespace twofold::vmm
