#include "engine/qemu.hpp"

#include "engine/emulated_machine.hpp"
#include "engine/emulator_run.hpp"
#include "engine/machine_memory.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace twofold::vmm {

std::string qemu_program() {
    char const* const named = std::getenv("TWOFOLD_QEMU");
    return named != nullptr && *named != '\0' ? named : "qemu-system-x86_64";
}

std::uint64_t QemuEngine::machine_memory(LaunchPlan const& plan) const {
    return options_.machine_memory.value_or(machine_memory_for(plan));
}

std::unique_ptr<Run> QemuEngine::start(LaunchPlan const& plan, Sinks sinks, EventLoop& loop) {
    constexpr std::uint64_t measured_by_the_hypervisor = 0;
    std::uint64_t const memory = machine_memory(plan);
    check_machine_memory(memory, largest_machine);
    if (options_.cpu_model.find(',') != std::string::npos)
        throw UsageError{fmt::format("--cpu: '{}' must be one model", options_.cpu_model)};

    EmulatorFiles files;
    std::string const disk =
        files.add("disk image", image_for(plan, options_.hypervisor, measured_by_the_hypervisor));
    std::vector<std::string> command{qemu_program(),
                                     "-nodefaults",
                                     "-no-user-config",
                                     "-no-reboot",
                                     "-machine",
                                     "pc",
                                     "-accel",
                                     "tcg",
                                     "-cpu",
                                     options_.cpu_model,
                                     "-m",
                                     fmt::format("{}M", memory >> 20),
                                     "-display",
                                     "none",
                                     "-monitor",
                                     "none",
                                     "-drive",
                                     fmt::format("file={},format=raw,if=ide", disk),
                                     "-serial",
                                     "file:" + files.console.write_end.path(),
                                     "-serial",
                                     "file:" + files.report.write_end.path()};
    if (plan.memory.swap_bytes != 0) {
        std::string const swap_disk = files.add_nameless(plan.memory.swap_bytes);
        command.insert(command.end(),
                       {"-drive", fmt::format("file={},format=raw,if=ide,index=1", swap_disk)});
    }
    try {
        return std::make_unique<EmulatorRun>(std::move(command), std::move(files), std::move(sinks),
                                             loop, wall_clock_limit(plan));
    } catch (SystemFailure const& failure) {
        throw Failure{fmt::format("{}; install it: apt-get install qemu-system-x86; or name it: "
                                  "TWOFOLD_QEMU=/path/to/qemu-system-x86_64",
                                  failure.what())};
    }
}

} // namespace twofold::vmm
