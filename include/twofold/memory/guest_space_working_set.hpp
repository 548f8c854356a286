// GuestSpace: what is hot. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

/// Counts of 4 KiB pages.
template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::WorkingSet {
    /// Accessed since the last call, mapped by tables of this space alone.
    std::uint64_t pages = 0;
    /// Accessed at some time, by any of the spaces that share the table.
    std::uint64_t shared_pages = 0;
    Duty duty;
};

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::working_set() -> WorkingSet {
    WorkingSet found;
    scan_accessed(*root_, Ept::levels, true, found);
    return found;
}

/// The processor sets the accessed bit of every entry that it uses, so below an entry without it
/// nothing was accessed.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::scan_accessed(Hpa table, unsigned level, bool is_private,
                                            WorkingSet& found) {
    for (std::uint64_t offset = 0; offset < page_4k.bytes(); offset += sizeof(Word)) {
        Slot<Ept> const slot{table + offset, level, entry_at(table + offset)};
        if (!slot.entry.present() || !slot.entry.accessed()) continue;
        if (!format_.leaf(slot.entry, level)) {
            Hpa const below{slot.entry.table()};
            scan_accessed(below, level - 1, is_private && pool_->references(below) == 1, found);
        } else {
            auto& pages = is_private ? found.pages : found.shared_pages;
            pages += Ept::page_size(level).frames();
        }
        // In a shared table the bit is the other spaces' as well, and so would be the duty.
        if (is_private)
            found.duty |= replace(slot, Entry{slot.entry.word() & ~Entry::accessed_bit});
    }
}

} // namespace twofold
