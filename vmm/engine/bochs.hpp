// Bochs: a VT-x machine in software that runs everywhere, and every run of which is the same.
#pragma once

#include "engine/engine.hpp"

#include <filesystem>
#include <optional>

namespace twofold::vmm {

struct BochsOptions {
    /// The hypervisor's bare image.
    std::filesystem::path hypervisor;
    std::string cpu_model = "corei7_icelake_u";
    /// Bytes; otherwise what the plan needs.
    std::optional<std::uint64_t> machine_memory = std::nullopt;
    /// How many windows of the guest have their memory references printed to `Sinks::engine_line`.
    unsigned trace_windows = 0;
    /// Each instruction and access is printed from the first one at this linear address on.
    std::optional<std::uint64_t> trace_from = std::nullopt;
};

/// Where Bochs and its firmware are, as found on this machine or named by TWOFOLD_BOCHS and
/// TWOFOLD_BOCHS_FIRMWARE.
struct BochsInstallation {
    std::string program;
    std::filesystem::path bios;
    std::filesystem::path vga_bios;

    static BochsInstallation find();
};

/// How the missing parts can be had.
inline constexpr std::string_view bochs_install_hint =
    "install it: apt-get install bochs bochsbios; or name it: TWOFOLD_BOCHS=/path/to/bochs-bin";

class BochsEngine final : public Engine {
  public:
    /// What Bochs executes in a second of its guests' time limits: it was measured at 73 to 128
    /// million instructions a second.
    static constexpr std::uint64_t ticks_per_second = 100'000'000;
    /// More takes Bochs 2.7 longer to set up than anybody waits: its start-up grows with the
    /// square.
    static constexpr std::uint64_t largest_machine = std::uint64_t{4} << 30;

    explicit BochsEngine(BochsOptions options) : options_(std::move(options)) {}

    [[nodiscard]] std::string_view name() const override { return "bochs"; }
    [[nodiscard]] std::uint64_t machine_memory(LaunchPlan const& plan) const override;
    [[nodiscard]] std::unique_ptr<Run> start(LaunchPlan const& plan, Sinks sinks,
                                             EventLoop& loop) override;

  private:
    BochsOptions options_;
};

} // namespace twofold::vmm
