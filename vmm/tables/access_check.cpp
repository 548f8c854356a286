#include "tables/access_check.hpp"

#include <twofold/arch/ept_entry.hpp>
#include <twofold/arch/x86_entry.hpp>

#include <algorithm>

namespace twofold::vmm {

namespace {

/// The bit of this entry that forbids the access, if one does.
std::uint64_t forbidding_bit(record::WalkReference const& reference, bool has_execute_disable,
                             Access access) {
    if (reference.dimension == Dimension::ept) {
        std::uint64_t const needed = access == Access::read    ? EptEntry::read_bit
                                     : access == Access::write ? EptEntry::write_bit
                                                               : EptEntry::execute_bit;
        return needed & ~reference.entry;
    }
    if (access == Access::write) return X86Entry::writable_bit & ~reference.entry;
    bool const execute = access == Access::execute && has_execute_disable;
    return execute ? X86Entry::execute_disable_bit & reference.entry : 0;
}

} // namespace

std::optional<record::WalkStop> what_denies(record::Walk const& walk, Access access) {
    auto const& all = walk.references;
    auto const last_of_guest = std::ranges::find(all.rbegin(), all.rend(), Dimension::guest,
                                                 &record::WalkReference::dimension)
                                   .base();
    for (auto at = all.begin(); at != all.end(); ++at) {
        // EPT lets the guest's tables be read, or the walk would have ended there.
        if (at->dimension == Dimension::ept && at < last_of_guest) continue;
        auto const bit = forbidding_bit(*at, walk.mode != PagingMode::bits_32, access);
        if (bit == 0) continue;
        std::optional<std::uint64_t> gpa;
        if (at->dimension == Dimension::ept) gpa = walk.gpa;
        return record::WalkStop{at->dimension, at->level, "denied", bit, gpa};
    }
    return std::nullopt;
}

} // namespace twofold::vmm
