// The options of clones, and of guests that run more than once, under KVM.
#pragma once

#include "kvm/run_options.hpp"

#include <cstdint>
#include <string>

namespace twofold::vmm {

class OptionList;

struct CloneOptionTexts {
    std::uint64_t repeat = 1;
    std::string clones_as = "threads";
    unsigned pool = 0;

    void add_to(OptionList command);

    /// Throws UsageError for values that there are not.
    void apply_to(kvm::RunOptions& options) const;
    /// Throws UsageError when any was given: no other engine has them.
    void check_not_given() const;
};

} // namespace twofold::vmm
