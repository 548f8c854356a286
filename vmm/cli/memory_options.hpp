// The options that say how all guests together use the machine's memory.
#pragma once

#include "image/launch_plan.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace twofold::vmm {

struct MemoryOptionTexts {
    std::string frames_limit;
    std::string swap;
    std::string overcommit;
    std::optional<std::uint32_t> overcommit_ratio;

    /// `command` has --native already.
    void add_to(CLI::App& command);

    /// One of them was given.
    [[nodiscard]] bool any() const;
    /// Throws UsageError for values that make no sense.
    [[nodiscard]] MemoryPlan plan() const;
};

} // namespace twofold::vmm
