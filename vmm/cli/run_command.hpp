// `twofold run`: a guest from its launch to its report.
#pragma once

#include "cli/context.hpp"

#include <span>

namespace twofold::vmm {

void add_run_command(CLI::App& application, Action& chosen);
/// Describes only those of its options that stand among `words`: see OptionList.
void add_run_command(CLI::App& application, Action& chosen, std::span<char const* const> words);

} // namespace twofold::vmm
