#include "bench/kvm_rig.hpp"

#include "cli/installation.hpp"
#include "system/failure.hpp"
#include "system/file_descriptor.hpp"
#include "system/program_output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace twofold::vmm {

namespace {

/// Nothing but the document reaches the machine's serial port.
constexpr std::string_view rig_commands =
    "twofold run exits --engine kvm --memory 16M --quiet --json /tmp/run.json "
    "-- --vmcall >/tmp/console 2>&1 || { cat /tmp/console; exit 1; }\n"
    "cat /tmp/run.json\n";

/// A file in memory, which other processes can open by its path.
FileDescriptor commands_file() {
    FileDescriptor file{memfd_create("commands", MFD_CLOEXEC)};
    if (!file.open() || write(file.get(), rig_commands.data(), rig_commands.size()) !=
                            static_cast<ssize_t>(rig_commands.size()))
        throw SystemFailure{"can't make a file in memory for the rig's commands", errno};
    return file;
}

std::string run_rig(Context& context) {
    auto const build = own_program().parent_path().parent_path();
    auto const rig = build.parent_path().parent_path() / "scripts/kvm-rig";
    for (auto const& needed : {rig, build / "vmm/twofold_static"}) {
        if (!std::filesystem::exists(needed))
            throw Failure{fmt::format("{} is missing: KVM's figures can be measured only by the "
                                      "command of a built tree, its preset release",
                                      needed.string())};
    }
    auto const commands = commands_file();
    constexpr std::chrono::seconds limit{300};
    auto const output =
        output_of({rig.string(), "bochs", fmt::format("/proc/{}/fd/{}", getpid(), commands.get()),
                   build.string()},
                  context.signals, limit);
    if (output.exit_status != 0)
        throw Failure{
            fmt::format("scripts/kvm-rig ended with {}: {}", output.exit_status, output.text)};
    return output.text;
}

} // namespace

std::map<std::string, std::uint64_t> kvm_figures_in_rig(Context& context) {
    auto const text = run_rig(context);
    // What fetching Debian's kernel says stands before it.
    auto const begin = text.find("{\n");
    auto const document = begin == std::string::npos
                              ? nlohmann::json{}
                              : nlohmann::json::parse(text.substr(begin), nullptr, false);
    std::map<std::string, std::uint64_t> figures;
    try {
        for (auto const& figure : document.at("guests").at(0).at("figures"))
            figures[figure.at("name")] = figure.at("value");
    } catch (nlohmann::json::exception const&) {
        throw Failure{"scripts/kvm-rig did not give the guest's report: " + text};
    }
    return figures;
}

} // namespace twofold::vmm
