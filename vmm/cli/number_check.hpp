// Bounds of numbers on the command line, refused in words.
#pragma once

#include <CLI/CLI.hpp>

namespace twofold::vmm {

/// For numbers that must be above 0.
CLI::Validator above_zero();
/// For numbers that must be 0 or more.
CLI::Validator not_negative();

} // namespace twofold::vmm
