// GuestSpace: which pages are written. Included by guest_space.hpp.
//
// Writing is forbidden the way cloning forbids it: at the root. A write then makes one path
// writable again, forbids at each table on it what lies beside, and is noted. So what was not
// written since the last collection costs nothing.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<Duty, SpaceError> GuestSpace<Ept, Memory>::start_logging(DirtyLog& log,
                                                                       DirtyMeans means) {
    log.clear();
    log_ = &log;
    means_ = means;
    Duty duty = owed();
    if (means == DirtyMeans::write_protection) {
        duty |= forbid_writing();
        return duty;
    }
    auto const split = split_large_pages(*root_, Ept::levels, duty);
    duty |= harvest_dirty_bits(*root_, Ept::levels, Gpa{}, false);
    if (split) return duty;
    stop_logging();
    owe(duty);
    return std::unexpected(split.error());
}

template <PagingFormat Ept, HostMemory Memory>
template <class Visit>
Duty GuestSpace<Ept, Memory>::collect_dirty(Visit&& visit) {
    Duty duty = owed();
    if (log_ == nullptr) return duty;
    switch (means_) {
    case DirtyMeans::write_protection: duty |= forbid_writing(); break;
    case DirtyMeans::dirty_bits:
        duty |= harvest_dirty_bits(*root_, Ept::levels, Gpa{}, true);
        break;
    case DirtyMeans::page_modification_log: duty |= clear_dirty_bits_of_log(); break;
    }
    log_->for_each(visit);
    log_->clear();
    return duty;
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::stop_logging() {
    log_ = nullptr;
    choose_path();
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::forbid_writing() {
    Duty duty;
    std::uint64_t const entries = pages_for(options_.memory_bytes, Ept::page_size(Ept::levels));
    for (std::uint64_t index = 0; index < entries; ++index) {
        Hpa const address = *root_ + index * sizeof(Word);
        Slot<Ept> const slot{address, Ept::levels, entry_at(address)};
        if (slot.entry.present()) duty |= write_protect(slot);
    }
    return duty;
}

/// Splits what may be written as a large page. What may not be is split when it is.
template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError>
GuestSpace<Ept, Memory>::split_large_pages(Hpa table, unsigned level, Duty& duty) {
    for (std::uint64_t offset = 0; level > 1 && offset < page_4k.bytes(); offset += sizeof(Word)) {
        Slot<Ept> const slot{table + offset, level, entry_at(table + offset)};
        if (!slot.entry.present() || !slot.entry.permissions().write) continue;
        Entry entry = slot.entry;
        if (format_.leaf(entry, level)) {
            auto const own = split_leaf(slot);
            if (!own) return std::unexpected(own.error());
            duty |= replace(slot, *own);
            entry = *own;
        }
        auto const below = split_large_pages(Hpa{entry.table()}, level - 1, duty);
        if (!below) return below;
    }
    return {};
}

/// Clears the dirty bits below `table`. With `mark` the log has the pages then, and only tables
/// that may be written through are looked at: when they became others, their bits had been
/// harvested.
template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::harvest_dirty_bits(Hpa table, unsigned level, Gpa from, bool mark) {
    Duty duty;
    std::uint64_t const size = Ept::page_size(level).bytes();
    for (std::uint64_t index = 0; index < Ept::entries; ++index) {
        Slot<Ept> const slot{table + index * sizeof(Word), level,
                             entry_at(table + index * sizeof(Word))};
        if (!slot.entry.present()) continue;
        Gpa const gpa = from + index * size;
        if (!format_.leaf(slot.entry, level)) {
            if (mark && !slot.entry.permissions().write) continue;
            duty |= harvest_dirty_bits(Hpa{slot.entry.table()}, level - 1, gpa, mark);
        } else if (slot.entry.dirty()) {
            for (std::uint64_t part = 0; mark && part < size; part += page_4k.bytes())
                log_->mark(gpa + part);
            duty |= replace(slot, Entry{slot.entry.word() & ~Entry::dirty_bit});
        }
    }
    return duty;
}

/// A page whose dirty bit stays set would never come into the processor's log again.
template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::clear_dirty_bits_of_log() {
    Duty duty;
    log_->for_each([&](Gpa gpa) {
        auto const slot = find_slot(format_, *root_, gpa, 1, memory_);
        if (slot && slot->entry.present() && slot->entry.dirty())
            duty |= replace(*slot, Entry{slot->entry.word() & ~Entry::dirty_bit});
    });
    return duty;
}

} // namespace twofold
