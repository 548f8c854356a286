#include "cli/plot_output.hpp"

#include "system/file.hpp"

#include <utility>

namespace twofold::vmm {

PlotOutput::PlotOutput(std::string file) : file_(std::move(file)) {
    if (wanted()) require_directory_of("--plot", file_);
}

void PlotOutput::draw(std::span<Chart const> charts, Signals const& signals) const {
    vmm::draw(charts, file_, signals);
}

} // namespace twofold::vmm
