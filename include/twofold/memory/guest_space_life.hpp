// GuestSpace: how a space and its tables come to be, and how they go. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<GuestSpace<Ept, Memory>, SpaceError>
GuestSpace<Ept, Memory>::create(FramePool& pool, Memory memory, Ept const& format,
                                SpaceOptions const& options) {
    std::uint64_t const bytes = options.memory_bytes;
    if (Ept::level_of(options.leaf) == 0) return std::unexpected(SpaceError::bad_page_size);
    if (bytes == 0 || bytes % options.leaf.bytes() != 0 ||
        bytes > Ept::page_size(Ept::levels + 1).bytes()) {
        return std::unexpected(SpaceError::bad_memory_size);
    }
    GuestSpace space{pool, std::move(memory), format, options};
    space.root_ = Tables{space}.allocate_table();
    if (!space.root_) return std::unexpected(SpaceError::out_of_frames);
    return space;
}

template <PagingFormat Ept, HostMemory Memory>
std::optional<Hpa> GuestSpace<Ept, Memory>::Tables::allocate_table() {
    auto const table = space.pool_->allocate();
    if (!table) return std::nullopt;
    space.memory_.zero(*table, page_4k.bytes());
    ++space.tables_;
    return table;
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::Tables::free_table(Hpa table) {
    space.pool_->release(table);
    --space.tables_;
}

/// One reference less to `table`; with the last one goes what it points to.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_table(Hpa table, unsigned level) {
    if (pool_->references(table) == 1) {
        for (std::uint64_t offset = 0; offset < page_4k.bytes();
             offset += sizeof(typename Ept::Word)) {
            auto const word = memory_.template read<typename Ept::Word>(table + offset);
            typename Ept::Entry const entry{word ? *word : 0};
            if (!entry.present()) continue;
            if (format_.leaf(entry, level)) {
                pool_->release(Hpa{entry.frame(Ept::page_size(level))}, level);
            } else {
                release_table(Hpa{entry.table()}, level - 1);
            }
        }
    }
    pool_->release(table);
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_everything() {
    if (root_) release_table(*root_, Ept::levels);
    root_.reset();
}

} // namespace twofold
