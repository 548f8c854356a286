// The second dimension's fault, free of what any one processor says about it.
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/address.hpp>

#include <optional>

namespace twofold {

/// An access that the second dimension did not allow: an EPT violation, a nested page fault, a
/// userfault.
struct Violation {
    Gpa gpa;
    Access access;
    /// What the instruction named, where that is known.
    std::optional<Gva> gva = std::nullopt;
    /// The access was the walk's own, to a paging-structure entry of the guest, not the translated
    /// access.
    bool during_walk = false;
};

} // namespace twofold
