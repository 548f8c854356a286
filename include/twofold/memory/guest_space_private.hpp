// GuestSpace: pages that this space alone reaches, for who scans them. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::entry_at(Hpa address) -> Entry {
    auto const word = memory_.template read<Word>(address);
    return Entry{word ? *word : 0};
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::look_up(Gpa gpa) -> Found {
    Hpa table = *root_;
    for (unsigned level = Ept::levels;; --level) {
        Hpa const address = table + std::uint64_t{Ept::index(gpa, level)} * sizeof(Word);
        Entry const entry = entry_at(address);
        Slot<Ept> const slot{address, level, entry};
        if (level == 1) return {slot, entry.present()};
        if (!entry.present() || format_.leaf(entry, level)) return {slot, false};
        table = Hpa{entry.table()};
        if (pool_->references(table) != 1) return {slot, false};
    }
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::private_small_page(Gpa gpa) -> SmallPage {
    auto const found = look_up(gpa);
    std::uint64_t const size = Ept::page_size(found.slot.level).bytes();
    SmallPage page{std::nullopt, gpa.aligned_down(size) + size};
    if (found.is_small_page) page.slot = found.slot;
    return page;
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::write_protect(Slot<Ept> const& slot) {
    Entry const kept = without_write(slot.entry);
    return kept == slot.entry ? Duty{} : replace(slot, kept);
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::share_frame(Gpa gpa, Slot<Ept> const& slot, Hpa frame) {
    mark_if_dirty(gpa, slot);
    // Not accessed and not dirty: what the processor noted was about the other frame.
    Entry const shared{(without_write(slot.entry).word() &
                        ~(Entry::address_mask | Entry::accessed_bit | Entry::dirty_bit)) |
                       frame.value()};
    Duty const duty = replace(slot, shared);
    pool_->retain(frame);
    give_up(Hpa{slot.entry.frame(page_4k)}, 1);
    ++statistics_.merged;
    return duty;
}

/// Before an entry goes: that its page was written is known from it alone.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::mark_if_dirty(Gpa gpa, Slot<Ept> const& slot) {
    if (log_ != nullptr && means_ == DirtyMeans::dirty_bits && slot.entry.dirty()) log_->mark(gpa);
}

} // namespace twofold
