// What the processor does with an access under EPT: it goes through, or leaves the guest with a
// violation or a misconfiguration (Intel SDM vol. 3, "EPT-Induced VM Exits" and "Prioritization of
// EPT Misconfigurations and EPT Violations").
#pragma once

#include <twofold/arch/exit_qualification.hpp>
#include <twofold/paging/walk.hpp>

#include <cstdint>

namespace twofold {

/// A guest-physical access as the processor makes it.
struct EptAccess {
    Gpa gpa;
    Access access;
    /// It comes from an access to a linear address; not so, for instance, the loading of PDPTEs by
    /// MOV to CR3.
    bool linear = true;
    /// It is an access to an entry of the guest's paging structures, by the walk of that address.
    bool during_walk = false;
};

struct EptOutcome {
    enum class Kind : std::uint8_t { done, violation, misconfiguration };
    Kind kind;
    /// A violation's exit qualification; 0 otherwise.
    std::uint64_t qualification = 0;
    /// `done`: where the access goes.
    Hpa hpa;
    /// The level at which the walk ended.
    unsigned level = 0;
};

/// The access that EPT is asked for: with accessed and dirty bits on, what the walk does to the
/// guest's paging structures counts as a write.
constexpr Access ept_checked_access(EptAccess const& wanted, bool accessed_dirty) {
    return wanted.during_walk && accessed_dirty ? Access::write : wanted.access;
}

/// "Exit Qualification for EPT Violations": `allowed` is what all entries on the way allow
/// together, nothing if one was not present.
constexpr std::uint64_t ept_violation_qualification(EptAccess const& wanted, bool accessed_dirty,
                                                    Permissions allowed) {
    bool const both = wanted.during_walk && accessed_dirty;
    auto const set = [](bool condition, unsigned position) {
        return condition ? bit(position) : 0;
    };
    return set(both || wanted.access == Access::read, 0) |
           set(both || wanted.access == Access::write, 1) |
           set(!both && wanted.access == Access::execute, 2) | set(allowed.read, 3) |
           set(allowed.write, 4) | set(allowed.execute, 5) | set(wanted.linear, 7) |
           set(wanted.linear && !wanted.during_walk, 8);
}

/// What comes of `wanted`, with tables at `root`. Every entry down to the leaf is judged before
/// permissions are: a misconfigured entry counts even where one above forbids the access.
template <PagingFormat Ept, class Memory>
[[nodiscard]] constexpr EptOutcome access_by_ept(Ept const& format, Hpa root,
                                                 EptAccess const& wanted, bool accessed_dirty,
                                                 Memory& memory) {
    using enum EptOutcome::Kind;
    auto const found = walk(format, root, wanted.gpa, memory);
    if (!found && found.error().reason == WalkFaultReason::malformed)
        return {misconfiguration, 0, {}, found.error().level};
    Permissions const allowed = found ? found->permissions : Permissions{};
    if (!found || !allowed.allow(ept_checked_access(wanted, accessed_dirty))) {
        unsigned const level = found ? Ept::level_of(found->page_size) : found.error().level;
        return {violation, ept_violation_qualification(wanted, accessed_dirty, allowed), {}, level};
    }
    return {done, 0, found->address, Ept::level_of(found->page_size)};
}

} // namespace twofold
