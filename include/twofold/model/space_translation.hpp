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
    PageSize guest_page = page_4k;
    PageSize host_page = page_4k;

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

/// Where the walk of a space ended: flat, as detail::WalkEnd is, and used as a std::expected.
struct SpaceWalk {
    SpaceTranslation translation{};
    NestedFault fault{};
    bool found = false;

    static constexpr SpaceWalk to(SpaceTranslation const& translation) {
        return {translation, {}, true};
    }
    static constexpr SpaceWalk ended(NestedFault const& fault) { return {{}, fault, false}; }
    [[nodiscard]] constexpr explicit operator bool() const { return found; }
    [[nodiscard]] constexpr SpaceTranslation const* operator->() const { return &translation; }
    [[nodiscard]] constexpr NestedFault const& error() const { return fault; }
};

} // namespace twofold
