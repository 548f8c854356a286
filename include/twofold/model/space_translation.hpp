// What the walk of a modelled address space finds.
#pragma once

#include <twofold/model/tlb.hpp>
#include <twofold/paging/nested_walk.hpp>

namespace twofold {

struct SpaceTranslation {
    TlbFill fill;
    /// Without a second dimension: the hpa.
    Gpa gpa;
    Permissions guest_permissions;
    PageSize guest_page;
    PageSize host_page;

    /// The fault of an access that `fill.allowed` does not allow.
    [[nodiscard]] constexpr NestedFault denial(Access access) const {
        bool const by_guest = !guest_permissions.allow(access);
        PageSize const leaf = by_guest ? guest_page : host_page;
        return {by_guest ? Dimension::guest : Dimension::ept,
                WalkFaultReason::denied,
                1 + (leaf.shift() - page_4k.shift()) / 9,
                0,
                gpa,
                false};
    }
};

} // namespace twofold
