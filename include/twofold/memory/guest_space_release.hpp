// GuestSpace: memory that the guest gives back. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
Released GuestSpace<Ept, Memory>::release(Gpa from, std::uint64_t bytes) {
    Released result;
    if (from.value() > options_.memory_bytes || bytes > options_.memory_bytes - from.value()) {
        result.error = SpaceError::outside_memory;
        return result;
    }
    Gpa const end = (from + bytes).aligned_down(page_4k.bytes());
    for (Gpa gpa{aligned_up(from.value(), page_4k.bytes())}; gpa < end;) {
        auto const there = find_slot(format_, *root_, gpa, 1, memory_);
        if (!there) break;
        std::uint64_t const size = Ept::page_size(there->level).bytes();
        if (there->entry.word() == 0) {
            gpa = gpa.aligned_down(size) + size;
            continue;
        }
        if (!room_to_give_up(Ept::levels + 1)) {
            result.error = SpaceError::shootdown_pending;
            break;
        }
        bool const whole = gpa.is_aligned(size) && end - gpa >= size;
        auto const own = private_slot(gpa, whole ? Purpose::whole_pages : Purpose::small_pages);
        if (!own) {
            result.error = own.error();
            break;
        }
        result.duty |= own->duty;
        result.pages += release_slot(gpa, own->slot, result.duty);
        gpa = gpa + Ept::page_size(own->slot.level).bytes();
    }
    result.duty |= owed();
    statistics_.released += result.pages;
    return result;
}

/// Empties the entry at `slot`, on a path of this space's own. Returns how many pages had contents.
template <PagingFormat Ept, HostMemory Memory>
std::uint64_t GuestSpace<Ept, Memory>::release_slot(Gpa gpa, Slot<Ept> const& slot, Duty& duty) {
    PageSize const size = Ept::page_size(slot.level);
    Hpa const frame{slot.entry.frame(size)};
    if (slot.entry.present() && options_.zero_frame == frame) return 0;
    duty |= replace(slot, Entry{});
    if (slot.entry.present()) {
        give_up(frame, slot.level);
    } else {
        options_.swap->release(SwappedEntry::slot(slot.entry.word()));
    }
    for (std::uint64_t offset = 0; log_ != nullptr && offset < size.bytes();
         offset += page_4k.bytes()) {
        log_->mark(gpa + offset);
    }
    return size.frames();
}

} // namespace twofold
