// The options that say what is launched, how, and on what: the same for all commands that launch.
#pragma once

#include "cli/engine_options.hpp"
#include "cli/guest_options.hpp"
#include "cli/memory_options.hpp"

#include <string>
#include <vector>

namespace twofold::vmm {

class OptionList;

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

    void add_to(OptionList command);
    /// The same, for commands that run more than one guest at a time.
    void add_several_to(OptionList command);
    [[nodiscard]] LaunchPlan plan() const;

  private:
    void check_memory_options() const;
};

} // namespace twofold::vmm
