// GuestSpace: clones, and how what they share becomes private again. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::Cloned {
    GuestSpace space;
    /// What the space that was cloned has to invalidate before it, or the clone, runs on.
    Duty duty;
};

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::Shared {
    /// The clone's: everything below it is the parent's as well.
    Hpa root;
    /// As Cloned::duty.
    Duty duty;
    Shootdown* shootdown;
};

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::private_slot(Gpa gpa, Purpose purpose)
    -> std::expected<PrivateSlot, SpaceError> {
    PrivateSlot result{};
    Hpa table = *root_;
    for (unsigned level = Ept::levels;; --level) {
        Hpa const address = table + std::uint64_t{Ept::index(gpa, level)} * sizeof(Word);
        auto const word = memory_.template read<Word>(address);
        Entry entry{word ? *word : 0};
        result.slot = {address, level, entry};
        if (!entry.present()) return result;
        bool const leaf = format_.leaf(entry, level);
        if (leaf && !must_split(result.slot, purpose)) return result;

        if (leaf || !entry.permissions().write) {
            auto const own = leaf ? split_leaf(result.slot) : unshare(result.slot);
            if (!own) {
                owe(result.duty);
                return std::unexpected(own.error());
            }
            bool const copied = !leaf && own->table() != entry.table();
            result.duty |= replace(result.slot, *own);
            if (copied) {
                ++result.tables_unshared;
                ++statistics_.tables_unshared;
                give_up(Hpa{entry.table()}, level - 1, true);
            }
            entry = *own;
        }
        table = Hpa{entry.table()};
    }
}

/// A large page that others reach as well is not copied whole: its parts are, one by one, when they
/// are written.
template <PagingFormat Ept, HostMemory Memory>
bool GuestSpace<Ept, Memory>::must_split(Slot<Ept> const& slot, Purpose purpose) const {
    if (slot.level == 1 || purpose == Purpose::whole_pages) return false;
    if (purpose == Purpose::small_pages || log_ != nullptr) return true;
    return !slot.entry.permissions().write &&
           !pool_->exclusive(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
}

/// The entry that leads to a table of the next smaller pages in place of the large one at `slot`:
/// the same frames, permissions, memory type and accessed and dirty bits. The table is complete
/// before anything leads to it.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::split_leaf(Slot<Ept> const& slot)
    -> std::expected<Entry, SpaceError> {
    auto const table = pool_->allocate();
    if (!table) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    ++statistics_.split;
    PageSize const part = Ept::page_size(slot.level - 1);
    auto const word =
        slot.level == 2 ? slot.entry.word() & ~Entry::large_page_bit : slot.entry.word();
    for (std::uint64_t index = 0; index < Ept::entries; ++index)
        (void)memory_.write(*table + index * sizeof(Word), word + index * part.bytes());
    pool_->split(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
    return Entry{Entry::to_table(table->value()).word() | (word & Entry::accessed_bit)};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Duty, SpaceError> GuestSpace<Ept, Memory>::split(Gpa gpa) {
    if (gpa.value() >= options_.memory_bytes) return std::unexpected(SpaceError::outside_memory);
    if (!room_to_give_up(Ept::levels)) return std::unexpected(SpaceError::shootdown_pending);
    auto const found = private_slot(gpa, Purpose::small_pages);
    if (!found) return std::unexpected(found.error());
    return found->duty;
}

/// The entry that leads to a table of the space's own with the contents of the one that `slot`
/// leads to: a copy, or the table itself where nobody else is left.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::unshare(Slot<Ept> const& slot) -> std::expected<Entry, SpaceError> {
    Hpa const shared{slot.entry.table()};
    if (pool_->references(shared) == 1) {
        if (log_ != nullptr) forbid_writing_below(shared);
        return with_write(slot.entry);
    }
    auto const copy = pool_->allocate();
    if (!copy) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    share_entries(format_, shared, *copy, slot.level - 1, memory_, *pool_, options_.swap);
    auto const accessed = slot.entry.word() & Entry::accessed_bit;
    return Entry{Entry::to_table(copy->value()).word() | accessed};
}

/// With a dirty log, who may write below is asked anew, a level at a time: nothing has to be
/// invalidated, since the way to `table` does not allow writing yet.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::forbid_writing_below(Hpa table) {
    for (std::uint64_t offset = 0; offset < page_4k.bytes(); offset += sizeof(Word)) {
        Entry const entry = entry_at(table + offset);
        if (entry.present() && entry.permissions().write)
            (void)memory_.write(table + offset, without_write(entry).word());
    }
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::clone(Shootdown* shootdown) -> std::expected<Cloned, SpaceError> {
    auto const shared = share(shootdown);
    if (!shared) return std::unexpected(shared.error());
    return Cloned{GuestSpace{*this, *shared}, shared->duty};
}

template <PagingFormat Ept, HostMemory Memory>
GuestSpace<Ept, Memory>::GuestSpace(GuestSpace const& parent, Shared const& shared)
    : pool_(parent.pool_), memory_(parent.memory_), format_(parent.format_),
      options_(parent.options_), leaf_level_(parent.leaf_level_), root_(shared.root), tables_(1) {
    options_.shootdown = shared.shootdown;
    choose_path();
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::share(Shootdown* shootdown) -> std::expected<Shared, SpaceError> {
    Hpa root;
    if (!pool_->take(root)) return std::unexpected(SpaceError::out_of_frames);
    memory_.zero(root, page_4k.bytes());
    Shared shared{root, owed(), shootdown};

    // What is shared is written by nobody, so its dirty bits would never change again.
    if (log_ != nullptr && means_ != DirtyMeans::write_protection)
        shared.duty |= harvest_dirty_bits(*root_, Ept::levels, Gpa{}, true);
    // Only entries that the guest's memory reaches can be present: one for each 512 GiB with four
    // levels.
    std::uint64_t const entries = pages_for(options_.memory_bytes, Ept::page_size(Ept::levels));
    for (std::uint64_t index = 0; index < entries; ++index) {
        std::uint64_t const offset = index * sizeof(Word);
        shared.duty |= share_entry(format_, *root_ + offset, root + offset, Ept::levels, memory_,
                                   *pool_, options_.swap);
    }
    return shared;
}

} // namespace twofold
