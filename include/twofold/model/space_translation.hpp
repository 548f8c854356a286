// What the walk of a modelled address space finds.
#pragma once

#include <twofold/model/tlb.hpp>
#include <twofold/paging/nested_walk.hpp>

namespace twofold {

/// `found` or else nothing of it: why there is none, the walk tells apart.
struct SpaceTranslation {
    TlbFill fill;
    /// Without a second dimension: the hpa.
    Gpa gpa;
    AllowedAccesses allowed_by_guest;
    PageSize host_page = page_4k;
    bool found = false;

    /// The fault of an access that `fill.allowed` does not allow.
    [[nodiscard, gnu::always_inline]] constexpr NestedFault denial(Access access) const {
        bool const by_guest = !allowed_by_guest.allow(access);
        PageSize const leaf = by_guest ? fill.guest_page : host_page;
        return {by_guest ? Dimension::guest : Dimension::ept,
                WalkFaultReason::denied,
                1 + (leaf.shift() - page_4k.shift()) / 9,
                0,
                gpa,
                false};
    }
};

} // namespace twofold
