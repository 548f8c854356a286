// Charts drawn into a file.
#pragma once

#include "plot/chart.hpp"
#include "system/signals.hpp"

#include <filesystem>
#include <span>

namespace twofold::vmm {

/// Writes the charts, below each other, as an SVG document. Throws Failure where gnuplot, which
/// draws them, is missing or refuses, and where the file can't be written.
void draw(std::span<Chart const> charts, std::filesystem::path const& file, Signals const& signals);

} // namespace twofold::vmm
