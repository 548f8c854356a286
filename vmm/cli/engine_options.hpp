// The options that say what a guest is launched on.
#pragma once

#include "cli/board_options.hpp"
#include "cli/clone_options.hpp"
#include "engine/bochs.hpp"
#include "kvm/run_options.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace twofold::vmm {

class OptionList;

/// What the guest is launched on.
struct EngineOptionTexts {
    std::string engine = "bochs";
    std::string cpu;
    std::string machine_memory;
    std::string host_memory;
    std::string lazy_by = "kernel";
    std::uint64_t fault_window = 16;
    BoardOptionTexts board;
    CloneOptionTexts clones;
    std::string gdb;
    /// See kvm::RunOptions.
    bool figures = true;

    void add_to(OptionList command);

    /// `trace_windows`: see BochsOptions; only Bochs has them.
    [[nodiscard]] std::unique_ptr<Engine> make(unsigned trace_windows = 0) const;
    /// Bochs that prints all it does once it comes to the instruction at `entry`. Throws UsageError
    /// where another engine is wanted.
    [[nodiscard]] std::unique_ptr<Engine> make_tracing(std::uint64_t entry) const;

  private:
    [[nodiscard]] std::unique_ptr<Engine> make_kvm() const;
    void check_without_kvm() const;
    [[nodiscard]] std::optional<std::uint64_t> parsed_machine_memory() const;
    [[nodiscard]] BochsOptions bochs_options() const;
};

/// Of --lazy-by and --fault-window. Throws UsageError for values that there are not.
kvm::RunOptions kvm_run_options(std::string const& lazy_by, std::uint64_t fault_window);

} // namespace twofold::vmm
