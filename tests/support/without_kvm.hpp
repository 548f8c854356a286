// For tests that need this machine's own KVM: where it does not work they count as skipped, with
// the reason printed.
#pragma once

#include "kvm/device.hpp"

#include <iostream>
#include <string>

namespace twofold::test {

/// Whether there is a reason to skip; prints it.
inline bool skipped_for(std::string const& reason) {
    if (!reason.empty()) std::cout << "skipped: " << reason << '\n';
    return !reason.empty();
}

/// To be asked first: `if (without_kvm()) return;`.
inline bool without_kvm() { return skipped_for(vmm::kvm::why_unusable()); }

} // namespace twofold::test
