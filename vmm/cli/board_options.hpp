// The options that say what devices a guest has: under KVM alone.
#pragma once

#include "kvm/board.hpp"

#include <string>

namespace twofold::vmm {

class OptionList;

struct BoardOptionTexts {
    std::string devices;
    unsigned cpus = 1;
    std::string unknown_io;
    std::string disk;
    bool disk_read_only = false;
    /// The kernel is not of the family: it gets a PC's devices unless it is to have others.
    bool for_a_pc_kernel = false;

    void add_to(OptionList command);
    /// The disk, for commands whose guests can have one.
    void add_disk_to(OptionList command);

    /// Throws UsageError for options that make no sense, alone or together.
    [[nodiscard]] kvm::BoardOptions options() const;
    /// Throws UsageError when any was given: no other engine has them.
    void check_not_given() const;
};

} // namespace twofold::vmm
