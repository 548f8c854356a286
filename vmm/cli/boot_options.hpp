// The options that say how a kernel of another's making is booted.
#pragma once

#include "image/boot_plan.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twofold::vmm {

class OptionList;

struct BootOptionTexts {
    std::string protocol = "auto";
    std::vector<std::string> modules;
    std::string initrd;
    std::string load_at;
    std::string mode;

    void add_to(OptionList command);

    /// How the kernel in `file` is booted; nothing for one of the family. Reads the modules. Throws
    /// UsageError for options that make no sense together or for this kernel, Failure for what is
    /// not a kernel.
    [[nodiscard]] std::optional<BootPlan> plan(std::span<std::byte const> file) const;

  private:
    [[nodiscard]] std::optional<BootProtocol> wanted() const;
    [[nodiscard]] RawPlace place() const;
    [[nodiscard]] std::vector<ModuleFile> read_modules(BootProtocol protocol) const;
};

} // namespace twofold::vmm
