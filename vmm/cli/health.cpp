#include "cli/health.hpp"

#include "cli/installation.hpp"
#include "engine/bochs.hpp"
#include "engine/emulated_machine.hpp"
#include "engine/qemu.hpp"
#include "image/disk_image.hpp"
#include "kvm/device.hpp"
#include "kvm/host.hpp"
#include "report/style.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"
#include "system/program_output.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <regex>

namespace twofold::vmm {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience{20};
constexpr char const* bochs_packages = "apt-get install bochs bochsbios";

/// The part of `text` that matches; "of unknown version" if none does.
std::string version_in(std::string const& text, char const* pattern) {
    std::smatch match;
    return std::regex_search(text, match, std::regex{pattern}) ? match.str(1)
                                                               : "of unknown version";
}

Finding examine_bochs(Signals const& signals) {
    Finding finding{"bochs", false, true, {}, bochs_packages};
    std::string const program = BochsInstallation::find().program;
    try {
        std::string const help = output_of({program, "--help"}, signals, patience).text;
        std::string const models = output_of({program, "--help", "cpu"}, signals, patience).text;
        finding.detail = fmt::format("{} {}", program, version_in(help, "Emulator ([0-9.]+)"));
        if (help.find("-rc filename") == std::string::npos) {
            finding.detail += ", built without its debugger, which starts a run";
        } else if (models.find(BochsOptions{}.cpu_model) == std::string::npos) {
            finding.detail += ", without the processor model " + BochsOptions{}.cpu_model;
        } else {
            finding.ok = true;
            finding.remedy.clear();
        }
    } catch (Interrupted const&) {
        throw;
    } catch (Failure const& failure) {
        finding.detail = failure.what();
    }
    return finding;
}

Finding examine_firmware() {
    auto const bochs = BochsInstallation::find();
    for (auto const& file : {bochs.bios, bochs.vga_bios}) {
        if (!fs::exists(file))
            return {"firmware", false, true, file.string() + " is missing", bochs_packages};
    }
    return {"firmware", true, true,
            fmt::format("{}, {}", bochs.bios.string(), bochs.vga_bios.filename().string())};
}

Finding examine_hypervisor() {
    constexpr std::uint64_t largest = std::uint64_t{64} << 20;
    try {
        auto const file = find_hypervisor();
        make_disk_image(read_file(file, largest), file, {});
        return {"hypervisor", true, true, file.string()};
    } catch (Failure const& failure) {
        return {"hypervisor", false, true, failure.what(),
                "build it: cmake --preset release && cmake --build --preset release"};
    }
}

Finding examine_guests() {
    auto const names = known_guests();
    if (!names.empty()) return {"guests", true, true, fmt::format("{}", fmt::join(names, ", "))};
    std::vector<std::string> places;
    for (auto const& directory : guest_directories())
        places.push_back(directory.string());
    return {"guests", false, true, fmt::format("none in {}", fmt::join(places, ", ")),
            "build them, or name their directory: TWOFOLD_GUESTS=DIRECTORY"};
}

Finding examine_qemu(Signals const& signals) {
    try {
        auto const text = output_of({qemu_program(), "--version"}, signals, patience).text;
        return {"qemu", true, false,
                fmt::format("{} {} (without VT-x: boots the hypervisor, runs no guest)",
                            qemu_program(), version_in(text, "version ([0-9.]+)"))};
    } catch (Interrupted const&) {
        throw;
    } catch (Failure const& failure) {
        return {"qemu", false, false, failure.what(), "optional: apt-get install qemu-system-x86"};
    }
}

Finding examine_kvm() {
    auto const host = kvm::examine_host();
    if (auto const reason = kvm::why_unusable(); !reason.empty())
        return {"kvm", false, false, reason, "not needed: Bochs works without"};
    std::string detail = fmt::format("{}, by {}", kvm::device_path(), host.name);
    if (!host.meaning.empty()) detail += fmt::format(": {}", host.meaning);
    return {"kvm", true, false, detail};
}

Finding examine_memory() {
    constexpr std::uint64_t needed = std::uint64_t{256} << 20;
    auto const left = available_memory();
    if (!left) return {"memory", true, true, "unknown: /proc/meminfo does not say"};
    return {"memory", *left >= needed, true, fmt::format("{} MiB available", grouped(*left >> 20)),
            *left >= needed ? "" : "a small guest needs 256 MiB with its emulator"};
}

Finding examine_temporary_space() {
    std::error_code error;
    auto const directory = fs::temp_directory_path(error);
    auto const space = fs::space(directory, error);
    if (error) return {"disk space", false, false, error.message(), "set TMPDIR"};
    return {"disk space", true, false,
            fmt::format("{} MiB free in {} (used only for what a machine has above 2 GiB)",
                        grouped(space.available >> 20), directory.string())};
}

} // namespace

std::vector<Finding> examine_machine(Signals const& signals) {
    return {examine_bochs(signals), examine_firmware(), examine_hypervisor(),
            examine_guests(),       examine_memory(),   examine_temporary_space(),
            examine_qemu(signals),  examine_kvm()};
}

} // namespace twofold::vmm
