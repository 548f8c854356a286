// One access through an EPT entry that was changed for it.
#pragma once

#include <twofold/abi/hypercall.hpp>
#include <twofold/arch/address.hpp>

#include <cstdint>
#include <optional>

namespace twofold::guest {

/// How an entry is changed.
struct EntryChange {
    unsigned level;
    std::uint64_t cleared;
    std::uint64_t set;
};

/// What is accessed, and by which EPT page it lies.
struct Target {
    /// Of the page whose EPT entry changes.
    Gpa page;
    /// Where the access goes; for walks, to what that page's paging-structure entry maps.
    Gva gva;
};

/// Changes the entry, makes the access and reports what came of it. Again, if the guest was left
/// for another reason. Nothing if the hypervisor refuses.
std::optional<abi::ProbeOutcome> probe(Target const& target, EntryChange const& change,
                                       abi::ProbedAccess access);

} // namespace twofold::guest
