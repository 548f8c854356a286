// Where `--json FILE|-` writes.
#pragma once

#include "system/output.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace twofold::vmm {

class JsonOutput {
  public:
    /// What was given to --json; empty if it was not. Throws Failure for a file in a directory that
    /// there is not, before a run is made for it.
    explicit JsonOutput(std::string target);

    [[nodiscard]] bool wanted() const { return !target_.empty(); }
    [[nodiscard]] bool is_standard_output() const { return target_ == "-"; }
    void write(nlohmann::ordered_json const& document, Output& standard_output) const;

  private:
    std::string target_;
};

} // namespace twofold::vmm
