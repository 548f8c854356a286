// Where `--plot FILE.svg` draws.
#pragma once

#include "plot/draw.hpp"

#include <string>

namespace twofold::vmm {

class PlotOutput {
  public:
    /// What was given to --plot; empty if it was not. Throws Failure for a file in a directory that
    /// there is not, before something long is done for it.
    explicit PlotOutput(std::string file);

    [[nodiscard]] bool wanted() const { return !file_.empty(); }
    /// As vmm::draw.
    void draw(std::span<Chart const> charts, Signals const& signals) const;

  private:
    std::string file_;
};

} // namespace twofold::vmm
