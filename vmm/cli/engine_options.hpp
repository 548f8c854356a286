// The options that say what a guest is launched on.
#pragma once

#include "cli/board_options.hpp"
#include "cli/clone_options.hpp"
#include "engine/engine.hpp"
#include "kvm/run_options.hpp"

#include <memory>
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

  private:
    [[nodiscard]] std::unique_ptr<Engine> make_kvm() const;
};

/// Of --lazy-by and --fault-window. Throws UsageError for values that there are not.
kvm::RunOptions kvm_run_options(std::string const& lazy_by, std::uint64_t fault_window);

} // namespace twofold::vmm
