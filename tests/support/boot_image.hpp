// Boots a disk image, which may be broken, in Bochs.
#pragma once

#include "engine/bochs.hpp"
#include "engine/bochs_configuration.hpp"
#include "engine/emulator_run.hpp"
#include "image/bundle.hpp"
#include "image/disk_image.hpp"
#include "system/file.hpp"

#include <twofold/abi/disk_image.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace twofold::test {

struct Booted {
    std::string console;
    /// Lines of the report.
    std::vector<std::string> report;
    vmm::Ending::Kind ending;
};

inline std::filesystem::path hypervisor_image_path() {
    return std::filesystem::path{TWOFOLD_BUILD_DIRECTORY} / "hv/hypervisor.img";
}
inline std::vector<std::byte> hypervisor_image() {
    return vmm::read_file(hypervisor_image_path(), std::uint64_t{1} << 30);
}
inline std::vector<std::byte> image_of(vmm::LaunchPlan const& plan) {
    return vmm::make_disk_image(hypervisor_image(), hypervisor_image_path(),
                                vmm::make_bundle(plan, vmm::BochsEngine::ticks_per_second));
}

/// The image's header, changed by `change`.
template <class Change>
std::vector<std::byte> with_header(std::vector<std::byte> image, Change&& change) {
    abi::ImageHeader header;
    std::memcpy(&header, image.data() + abi::sector_bytes, sizeof header);
    change(header);
    std::memcpy(image.data() + abi::sector_bytes, &header, sizeof header);
    return image;
}

/// Boots `image` on a machine of 64 MiB until its report ends, or for a minute.
inline Booted boot(std::vector<std::byte> const& image) {
    vmm::Signals const signals;
    vmm::EventLoop loop{signals};
    Booted booted{};
    vmm::Sinks sinks{
        .console = [&](std::string_view bytes) { booted.console += bytes; },
        .report_line =
            [&](std::string_view line) {
                booted.report.emplace_back(line);
                return line.find("\"record\":\"end\"") == line.npos;
            },
    };
    auto const installation = vmm::BochsInstallation::find();
    vmm::EmulatorFiles files;
    auto const disk = files.add("disk image", image);
    auto const configuration =
        files.add("bochs configuration", vmm::bochs_configuration({
                                             .memory_bytes = 64 << 20,
                                             .cpu_model = "corei7_icelake_u",
                                             .bios = installation.bios.string(),
                                             .vga_bios = installation.vga_bios.string(),
                                             .disk = disk,
                                             .console = files.console.write_end.path(),
                                             .report = files.report.write_end.path(),
                                             .log = files.chatter.write_end.path(),
                                         }));
    auto const commands = files.add("bochs commands", vmm::bochs_debugger_commands(0));
    vmm::EmulatorRun run{{installation.program, "-q", "-f", configuration, "-rc", commands},
                         std::move(files),
                         std::move(sinks),
                         loop,
                         std::chrono::minutes{1}};
    std::array<vmm::Run* const, 1> const runs{&run};
    vmm::finish_all(loop, runs);
    booted.ending = run.ending().kind;
    return booted;
}

} // namespace twofold::test
