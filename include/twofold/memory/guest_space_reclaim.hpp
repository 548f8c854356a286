// GuestSpace: pages leave for the swap area, and come back. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::Reclaimed {
    /// Frames that came free.
    std::uint64_t frames = 0;
    Duty duty;
    /// Where to go on; 0 once the end of the guest's memory was reached.
    Gpa next;
    /// Entries that were not looked at, because the end was reached first.
    std::uint64_t entries_left = 0;
};

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::LargePage {
    /// It is there, and was not accessed since the last look.
    bool is_cold;
    Duty duty;
    /// Where the next one can be.
    Gpa next;
};

/// Whether taking the page away gives a frame back: the frame is this space's alone, and so is the
/// way to it.
template <PagingFormat Ept, HostMemory Memory>
bool GuestSpace<Ept, Memory>::may_swap_out(Found const& found) {
    if (!found.is_small_page || options_.swap == nullptr || !room_to_give_up(1)) return false;
    return pool_->exclusive(Hpa{found.slot.entry.frame(page_4k)}, 1);
}

template <PagingFormat Ept, HostMemory Memory>
std::optional<Duty> GuestSpace<Ept, Memory>::swap_out(Gpa gpa) {
    if (gpa.value() >= options_.memory_bytes) return std::nullopt;
    auto const found = look_up(gpa);
    if (!may_swap_out(found)) return std::nullopt;
    Hpa const frame{found.slot.entry.frame(page_4k)};
    auto const place = options_.swap->store(frame);
    if (!place) return std::nullopt;
    return leave_in_slot(gpa, found.slot, *place);
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::leave_in_slot(Gpa gpa, Slot<Ept> const& slot, SwapSlot place) {
    mark_if_dirty(gpa, slot);
    Duty const duty = replace(slot, Entry{SwappedEntry::word(place)});
    give_up(Hpa{slot.entry.frame(page_4k)}, 1);
    ++statistics_.swapped_out;
    return duty;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::swap_in(Slot<Ept> const& slot,
                                                                       Access access) {
    auto const place = SwappedEntry::slot(slot.entry.word());
    auto const frame = pool_->allocate();
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    if (!options_.swap->load(place, *frame)) {
        pool_->release(*frame);
        return std::unexpected(SpaceError::swap_failed);
    }
    Duty const duty = replace(slot, Entry::to_frame(frame->value(), 1, permissions_for(access)));
    options_.swap->release(place);
    ++frames_;
    ++statistics_.swapped_in;
    return Resolution{Resolution::Kind::swapped_in, duty};
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::reclaim(Gpa from, std::uint64_t entries, std::uint64_t wanted)
    -> Reclaimed {
    Reclaimed result;
    Gpa gpa = from;
    for (; entries > 0 && gpa.value() < options_.memory_bytes && result.frames < wanted;
         --entries) {
        auto const found = look_up(gpa);
        Gpa const here = gpa;
        std::uint64_t const size = Ept::page_size(found.slot.level).bytes();
        gpa = gpa.aligned_down(size) + size;
        if (!may_swap_out(found)) continue;
        if (found.slot.entry.accessed()) {
            Entry const aged{found.slot.entry.word() & ~Entry::accessed_bit};
            result.duty |= replace(found.slot, aged);
        } else if (auto const duty = swap_out(here)) {
            result.duty |= *duty;
            ++result.frames;
        }
    }
    result.next = gpa.value() < options_.memory_bytes ? gpa : Gpa{};
    result.entries_left = entries;
    return result;
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::look_at_large_page(Gpa gpa) -> LargePage {
    Slot<Ept> const slot = look_up(gpa).slot;
    std::uint64_t const size = Ept::page_size(std::max(slot.level, 2U)).bytes();
    LargePage result{false, {}, gpa.aligned_down(size) + size};
    if (slot.level == 1 || !slot.entry.present() || !format_.leaf(slot.entry, slot.level) ||
        !pool_->exclusive(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level)) {
        return result;
    }
    result.is_cold = !slot.entry.accessed();
    if (!result.is_cold)
        result.duty = replace(slot, Entry{slot.entry.word() & ~Entry::accessed_bit});
    return result;
}

} // namespace twofold
