// What another program prints.
#pragma once

#include "system/event_loop.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace twofold::vmm {

struct ProgramOutput {
    /// Standard output and standard error.
    std::string text;
    int exit_status = 0;
    /// From before its start to its end.
    std::chrono::duration<double> wall{};
};

/// Runs `command` to its end; it finds the `inherited` descriptors under the same numbers. Throws
/// Failure when it can't be started, or runs longer than `limit`. Calls `on_wait`, if any, ten
/// times a second meanwhile.
ProgramOutput output_of(std::vector<std::string> command, Signals const& signals,
                        std::chrono::seconds limit, std::vector<int> inherited = {},
                        std::function<void()> const& on_wait = {});

} // namespace twofold::vmm
