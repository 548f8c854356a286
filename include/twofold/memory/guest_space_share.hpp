// GuestSpace: clones, and how what they share becomes private again. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::private_slot(Gpa gpa) -> std::expected<PrivateSlot, SpaceError> {
    PrivateSlot result{};
    Hpa table = *root_;
    for (unsigned level = Ept::levels;; --level) {
        Hpa const address =
            table + std::uint64_t{Ept::index(gpa, level)} * sizeof(typename Ept::Word);
        auto const word = memory_.template read<typename Ept::Word>(address);
        if (!word) return std::unexpected(SpaceError::denied);
        typename Ept::Entry entry{*word};
        result.slot = {address, level, entry};
        if (!entry.present()) return result;
        bool const leaf = format_.leaf(entry, level);
        if (leaf && !must_split(result.slot)) return result;

        if (!entry.permissions().write) {
            auto const own = leaf ? split(result.slot) : unshare(result.slot);
            if (!own) return std::unexpected(own.error());
            result.tables_unshared += !leaf && own->table() != entry.table() ? 1 : 0;
            result.duty |= replace(result.slot, *own);
            entry = *own;
        }
        table = Hpa{entry.table()};
    }
}

/// A large page that others reach as well is not copied whole: its parts are, one by one, when they
/// are written.
template <PagingFormat Ept, HostMemory Memory>
bool GuestSpace<Ept, Memory>::must_split(Slot<Ept> const& slot) const {
    return slot.level > 1 && !slot.entry.permissions().write &&
           !pool_->exclusive(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
}

/// The entry that leads to a table of the next smaller pages in place of the large one at `slot`:
/// the same frames, permissions, memory type and accessed and dirty bits. The table is complete
/// before anything leads to it.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::split(Slot<Ept> const& slot)
    -> std::expected<typename Ept::Entry, SpaceError> {
    auto const table = pool_->allocate();
    if (!table) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    PageSize const part = Ept::page_size(slot.level - 1);
    auto const word =
        slot.level == 2 ? slot.entry.word() & ~Ept::Entry::large_page_bit : slot.entry.word();
    for (std::uint64_t index = 0; index < Ept::entries; ++index) {
        (void)memory_.write(*table + index * sizeof(typename Ept::Word),
                            word + index * part.bytes());
    }
    pool_->split(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
    return Ept::Entry::to_table(table->value());
}

/// The entry that leads to a table of the space's own with the contents of the one that `slot`
/// leads to: a copy, or the table itself where nobody else is left.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::unshare(Slot<Ept> const& slot)
    -> std::expected<typename Ept::Entry, SpaceError> {
    Hpa const shared{slot.entry.table()};
    if (pool_->references(shared) == 1) return Ept::Entry::to_table(shared.value());
    auto const copy = pool_->allocate();
    if (!copy) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    share_entries(format_, shared, *copy, slot.level - 1, memory_, *pool_);
    pool_->release(shared);
    return Ept::Entry::to_table(copy->value());
}

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::Cloned {
    GuestSpace space;
    /// What the space that was cloned has to invalidate before it runs on.
    Duty duty;
};

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::clone() -> std::expected<Cloned, SpaceError> {
    auto made = create(*pool_, memory_, format_, options_);
    if (!made) return std::unexpected(made.error());
    Cloned cloned{std::move(*made), {}};

    // Only entries that the guest's memory reaches can be present: one for each 512 GiB with four
    // levels.
    std::uint64_t const entries = pages_for(options_.memory_bytes, Ept::page_size(Ept::levels));
    for (std::uint64_t index = 0; index < entries; ++index) {
        std::uint64_t const offset = index * sizeof(typename Ept::Word);
        cloned.duty |= share_entry(format_, *root_ + offset, *cloned.space.root_ + offset,
                                   Ept::levels, memory_, *pool_);
    }
    return cloned;
}

} // namespace twofold
