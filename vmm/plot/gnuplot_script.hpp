// Charts in the language of gnuplot.
#pragma once

#include "plot/chart.hpp"

#include <span>
#include <string>

namespace twofold::vmm {

/// Draws the charts below each other as one SVG document, into the file `output`. Names are shown
/// as they are: gnuplot's own mark-up in them means nothing. There must be one chart at least.
std::string gnuplot_script(std::span<Chart const> charts, std::string const& output);

} // namespace twofold::vmm
