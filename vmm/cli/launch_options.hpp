// The options that say what is launched, how, and on what: the same for all commands that launch.
#pragma once

#include "cli/board_options.hpp"
#include "cli/boot_options.hpp"
#include "cli/memory_options.hpp"
#include "engine/engine.hpp"
#include "image/launch_plan.hpp"
#include "kvm/run_options.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace twofold::vmm {

/// How a guest is launched.
struct GuestOptionTexts {
    std::string memory;
    std::string guest_page = "4k";
    std::string host_page;
    std::string populate;
    std::string timeout = "60";
    std::string accessed_dirty = "on";
    std::uint16_t clones = 0;
    bool zeroed_stock = false;
    bool ept_probes = false;
    bool native = false;
    BootOptionTexts boot;

    void add_to(CLI::App& command);

    /// A plan for one guest, whose first argument is its name in every report. Reads and checks the
    /// file. Throws Failure for a file that can't be loaded, UsageError for options that make no
    /// sense, alone or together.
    [[nodiscard]] GuestPlan plan(std::string const& guest,
                                 std::vector<std::string> const& arguments) const;
};

/// What the guest is launched on.
struct EngineOptionTexts {
    std::string engine = "bochs";
    std::string cpu;
    std::string machine_memory;
    std::string lazy_by = "kernel";
    std::uint64_t fault_window = 16;
    BoardOptionTexts board;
    std::string gdb;
    /// See kvm::RunOptions.
    bool figures = true;

    void add_to(CLI::App& command);

    /// `trace_windows`: see BochsOptions; only Bochs has them.
    [[nodiscard]] std::unique_ptr<Engine> make(unsigned trace_windows = 0) const;

  private:
    [[nodiscard]] std::unique_ptr<Engine> make_kvm() const;
};

/// All of these, for one guest and those that run at the same time.
struct LaunchOptions {
    std::string guest;
    std::vector<std::string> arguments;
    /// More guests, each with its arguments as one text.
    std::vector<std::string> with;
    /// Of all guests, in their order.
    std::vector<std::uint8_t> weights;
    MemoryOptionTexts memory;
    GuestOptionTexts how;
    EngineOptionTexts on;

    void add_to(CLI::App& command);
    /// The same, for commands that run more than one guest at a time.
    void add_several_to(CLI::App& command);
    [[nodiscard]] LaunchPlan plan() const;
};

/// Of --lazy-by and --fault-window. Throws UsageError for values that there are not.
kvm::RunOptions kvm_run_options(std::string const& lazy_by, std::uint64_t fault_window);

/// The values that an option takes, for --help and for completion.
inline constexpr char const* page_size_values = "4k|2m|1g";

} // namespace twofold::vmm
