#include "engine/bochs.hpp"

#include "engine/bochs_configuration.hpp"
#include "engine/emulated_machine.hpp"
#include "engine/emulator_run.hpp"
#include "engine/machine_memory.hpp"
#include "image/disk_image.hpp"
#include "system/failure.hpp"

#include <twofold/arch/bits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace twofold::vmm {

namespace {

std::string environment_or(char const* name, char const* otherwise) {
    char const* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

void check_firmware(std::filesystem::path const& file) {
    if (std::filesystem::exists(file)) return;
    throw Failure{fmt::format("Bochs's firmware {} is missing; install it: apt-get install bochs "
                              "bochsbios; or name its directory: TWOFOLD_BOCHS_FIRMWARE",
                              file.string())};
}

/// The model goes into a configuration file, so it must be one word.
void check_cpu_model(std::string const& model) {
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    if (model.empty() || !std::ranges::all_of(model, allowed)) {
        throw UsageError{fmt::format("--cpu: '{}' is not a processor model; `bochs-bin --help cpu` "
                                     "lists them",
                                     model)};
    }
}

} // namespace

BochsInstallation BochsInstallation::find() {
    std::filesystem::path const firmware =
        environment_or("TWOFOLD_BOCHS_FIRMWARE", "/usr/share/bochs");
    return {environment_or("TWOFOLD_BOCHS", "bochs-bin"), firmware / "BIOS-bochs-latest",
            firmware / "VGABIOS-lgpl-latest"};
}

std::uint64_t BochsEngine::machine_memory(LaunchPlan const& plan) const {
    return options_.machine_memory.value_or(machine_memory_for(plan));
}

std::unique_ptr<Run> BochsEngine::start(LaunchPlan const& plan, Sinks sinks, EventLoop& loop) {
    std::uint64_t const memory = machine_memory(plan);
    check_cpu_model(options_.cpu_model);
    check_machine_memory(memory, largest_machine);
    auto const installation = BochsInstallation::find();
    check_firmware(installation.bios);
    check_firmware(installation.vga_bios);

    EmulatorFiles files;
    std::string const disk =
        files.add("disk image", image_for(plan, options_.hypervisor, ticks_per_second));
    std::string swap_disk;
    if (plan.memory.swap_bytes != 0)
        swap_disk = files.add_nameless(aligned_up(plan.memory.swap_bytes, cylinder_bytes));
    std::string const configuration = files.add(
        "bochs configuration", bochs_configuration({.memory_bytes = memory,
                                                    .cpu_model = options_.cpu_model,
                                                    .bios = installation.bios.string(),
                                                    .vga_bios = installation.vga_bios.string(),
                                                    .disk = disk,
                                                    .console = files.console.write_end.path(),
                                                    .report = files.report.write_end.path(),
                                                    .log = files.chatter.write_end.path(),
                                                    .magic_break = options_.trace_windows > 0,
                                                    .swap_disk = swap_disk}));
    std::string const commands = files.add(
        "bochs commands", options_.trace_from ? bochs_trace_commands(*options_.trace_from)
                                              : bochs_debugger_commands(options_.trace_windows));
    try {
        return std::make_unique<EmulatorRun>(
            std::vector<std::string>{installation.program, "-q", "-f", configuration, "-rc",
                                     commands},
            std::move(files), std::move(sinks), loop, wall_clock_limit(plan));
    } catch (SystemFailure const& failure) {
        throw Failure{fmt::format("{}; {}", failure.what(), bochs_install_hint)};
    }
}

} // namespace twofold::vmm
