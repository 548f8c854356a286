// GuestSpace: many small pages made one large page. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<Promotion, PromoteRefusal> GuestSpace<Ept, Memory>::promote(Gpa gpa, PageSize size) {
    unsigned const level = Ept::level_of(size);
    if (level < 2 || level > 3 || gpa.value() >= options_.memory_bytes) {
        return std::unexpected(PromoteRefusal::no_small_pages);
    }
    if (log_ != nullptr) return std::unexpected(PromoteRefusal::logging);
    if (!room_to_give_up(Ept::entries + 1))
        return std::unexpected(PromoteRefusal::shootdown_pending);
    auto const slot = private_table(gpa, level);
    if (!slot) return std::unexpected(slot.error());
    Hpa const table{slot->entry.table()};
    auto const neighbours = examine(table, level - 1);
    if (!neighbours) return std::unexpected(neighbours.error());

    Hpa block{neighbours->first.frame(Ept::page_size(level - 1))};
    if (!neighbours->together) {
        auto const fresh = pool_->allocate(level);
        if (!fresh) return std::unexpected(PromoteRefusal::out_of_frames);
        block = *fresh;
        copy_together(table, level - 1, block);
    }
    auto const kept = neighbours->first.word() & (Entry::accessed_bit | Entry::dirty_bit);
    auto const leaf = Entry::to_frame(block.value(), level, neighbours->first.permissions());
    Duty const duty = replace(*slot, Entry{leaf.word() | kept});
    ++statistics_.promoted;
    if (neighbours->together) pool_->join(block, level);
    free_table_of_leaves(table, level - 1, !neighbours->together);
    return Promotion{duty, !neighbours->together};
}

/// The entry at `level` for `gpa`, which leads to a table that this space alone reaches.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::private_table(Gpa gpa, unsigned level)
    -> std::expected<Slot<Ept>, PromoteRefusal> {
    Hpa table = *root_;
    for (unsigned at = Ept::levels;; --at) {
        Hpa const address = table + std::uint64_t{Ept::index(gpa, at)} * sizeof(Word);
        Entry const entry = entry_at(address);
        if (!entry.present() || format_.leaf(entry, at))
            return std::unexpected(PromoteRefusal::no_small_pages);
        if (!entry.permissions().write) return std::unexpected(PromoteRefusal::shared);
        if (at == level) return Slot<Ept>{address, at, entry};
        table = Hpa{entry.table()};
    }
}

/// Whether the leaves of `table`, all at `level`, can become one.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::examine(Hpa table, unsigned level)
    -> std::expected<Neighbours, PromoteRefusal> {
    PageSize const size = Ept::page_size(level);
    std::uint64_t accessed_and_dirty = 0;
    Entry first;
    bool together = true;
    for (std::uint64_t index = 0; index < Ept::entries; ++index) {
        Entry const entry = entry_at(table + index * sizeof(Word));
        if (index == 0) first = entry;
        if (!entry.present() || !format_.leaf(entry, level) ||
            entry.type_bits() != first.type_bits()) {
            return std::unexpected(PromoteRefusal::not_uniform);
        }
        Hpa const frame{entry.frame(size)};
        if (!entry.permissions().write || !pool_->exclusive(frame, level))
            return std::unexpected(PromoteRefusal::shared);
        if (options_.executable == ExecutablePages::small_only && entry.permissions().execute)
            return std::unexpected(PromoteRefusal::executable);
        if (entry.permissions() != first.permissions())
            return std::unexpected(PromoteRefusal::not_uniform);
        together = together && frame == Hpa{first.frame(size)} + index * size.bytes();
        accessed_and_dirty |= entry.word() & (Entry::accessed_bit | Entry::dirty_bit);
    }
    together = together && Hpa{first.frame(size)}.is_aligned(Ept::page_size(level + 1).bytes());
    return Neighbours{Entry{first.word() | accessed_and_dirty}, together};
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::copy_together(Hpa table, unsigned level, Hpa block) {
    PageSize const size = Ept::page_size(level);
    for (std::uint64_t index = 0; index < Ept::entries; ++index) {
        Entry const entry = entry_at(table + index * sizeof(Word));
        memory_.copy(Hpa{entry.frame(size)}, block + index * size.bytes(), size.bytes());
    }
}

/// Gives back a table that nothing leads to any more, and on request what its leaves map.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::free_table_of_leaves(Hpa table, unsigned level, bool leaves_too) {
    for (std::uint64_t index = 0; leaves_too && index < Ept::entries; ++index) {
        Entry const entry = entry_at(table + index * sizeof(Word));
        give_up(Hpa{entry.frame(Ept::page_size(level))}, level);
    }
    give_up(table, 1);
    --tables_;
}

} // namespace twofold
