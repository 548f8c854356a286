// Which spaces map a frame.
//
// The map is made on demand and costs no memory a frame, nor a tick of a first write. It rests on
// a law: clones share at the same gpa. Whatever shares a frame with a page because one was cloned
// from the other has it at the page's own gpa, so one walk of each registered space finds all of
// them; only frames that were merged are mapped elsewhere as well. The registry is a list of
// Boost.Intrusive through the spaces themselves.
#pragma once

#include <twofold/memory/space_registry.hpp>
#include <twofold/memory/swap_area.hpp>
#include <twofold/paging/map.hpp>

#include <cstdint>

namespace twofold {

/// Calls `visit(space, slot)` for each space of the registry that maps `frame`, of 4 KiB, at `gpa`.
/// Spaces that share a table have the same slot; `visit` may change the entry.
template <class Space, class Visit>
void for_each_mapping_at(SpaceRegistry& registry, Gpa gpa, Hpa frame, Visit&& visit) {
    for (SpaceLink& link : registry) {
        auto& space = static_cast<Space&>(link);
        auto const slot = find_slot(space.format(), space.root(), gpa, 1, space.memory());
        if (slot && slot->level == 1 && slot->entry.present() &&
            Hpa{slot->entry.frame(page_4k)} == frame) {
            visit(space, *slot);
        }
    }
}

/// The same for every gpa: all tables are looked through.
template <class Space, class Visit>
void for_each_mapping(SpaceRegistry& registry, Hpa frame, Visit&& visit) {
    for (SpaceLink& link : registry) {
        auto& space = static_cast<Space&>(link);
        for (Gpa gpa; gpa.value() < space.options().memory_bytes;) {
            auto const slot = find_slot(space.format(), space.root(), gpa, 1, space.memory());
            if (!slot) break;
            PageSize const size =
                std::remove_cvref_t<decltype(space.format())>::page_size(slot->level);
            Gpa const begin = gpa.aligned_down(size.bytes());
            bool const leaf =
                slot->entry.present() && space.format().leaf(slot->entry, slot->level);
            Hpa const first{leaf ? slot->entry.frame(size) : 0};
            if (leaf && first <= frame && frame - first < size.bytes())
                visit(space, begin + (frame - first));
            gpa = begin + size.bytes();
        }
    }
}

/// Moves the 4 KiB page of `gpa` in `space` to its swap area, whoever shares it: every space that
/// maps the frame there gets the same slot in place of it, by one store. `carry_out(space, duty)`
/// performs the duty of each. Returns whether nothing uses the frame any more: not if the page is
/// not there, or the zero frame, or part of a large page of another space, no slot is free, or the
/// device failed; nor if the frame was merged with one at another gpa, which then still has it.
/// None of the spaces may run meanwhile.
template <class Space, class CarryOut>
bool swap_out_shared(SpaceRegistry& registry, Space& space, Gpa gpa, CarryOut&& carry_out) {
    SwapArea* const area = space.options().swap;
    auto const own = find_slot(space.format(), space.root(), gpa, 1, space.memory());
    if (area == nullptr || !own || own->level != 1 || !own->entry.present()) return false;
    Hpa const frame{own->entry.frame(page_4k)};
    if (space.options().zero_frame == frame || !space.can_share_frame() ||
        space.pool().within_large_leaf(frame)) {
        return false;
    }
    auto const place = area->store(frame);
    if (!place) return false;

    std::uint64_t const references = space.pool().references(frame);
    std::uint64_t given_up = 0;
    std::uint64_t const word = SwappedEntry::word(*place);
    for (SpaceLink& link : registry) {
        auto& sharer = static_cast<Space&>(link);
        auto const slot = find_slot(sharer.format(), sharer.root(), gpa, 1, sharer.memory());
        if (!slot || slot->level != 1) continue;
        // Whoever shares the table with one before has the slot's number there already.
        bool const has_frame = slot->entry.present() && Hpa{slot->entry.frame(page_4k)} == frame;
        if (has_frame) {
            area->retain(*place);
            ++given_up;
            carry_out(sharer, sharer.leave_in_slot(gpa, *slot, *place));
        } else if (slot->entry.word() == word) {
            carry_out(sharer, Duty{Duty::Reason::permission_removed});
        }
    }
    area->release(*place); // what store() gave
    return given_up == references;
}

} // namespace twofold
