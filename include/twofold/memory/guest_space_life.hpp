// GuestSpace: how a space and its tables come to be, and how they go. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
GuestSpace<Ept, Memory>::GuestSpace(FramePool& pool, Memory memory, Ept const& format,
                                    SpaceOptions const& options)
    : pool_(&pool), memory_(std::move(memory)), format_(format), options_(options),
      leaf_level_(Ept::level_of(options.leaf)) {
    choose_path();
}

template <PagingFormat Ept, HostMemory Memory>
GuestSpace<Ept, Memory>::GuestSpace(GuestSpace&& other) noexcept
    : SpaceLink(static_cast<SpaceLink&&>(other)), pool_(other.pool_),
      memory_(std::move(other.memory_)), format_(other.format_), options_(other.options_),
      leaf_level_(other.leaf_level_), straight_below_(other.straight_below_),
      root_(std::exchange(other.root_, std::nullopt)), frames_(other.frames_),
      tables_(other.tables_), log_(other.log_), means_(other.means_), owed_(other.owed_),
      statistics_(other.statistics_) {}

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

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::choose_path() {
    bool const straight = log_ == nullptr && options_.executable == ExecutablePages::any_size &&
                          !owed_.must_invalidate();
    straight_below_ = straight ? options_.memory_bytes : 0;
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::owe(Duty duty) {
    owed_ |= duty;
    choose_path();
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::owed() {
    Duty const duty = std::exchange(owed_, Duty{});
    choose_path();
    return duty;
}

template <PagingFormat Ept, HostMemory Memory>
bool GuestSpace<Ept, Memory>::room_to_give_up(std::uint32_t references) const {
    return options_.shootdown == nullptr || options_.shootdown->room() >= references;
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::give_up(Hpa frame, unsigned level, bool is_table) {
    if (options_.shootdown != nullptr) {
        options_.shootdown->retire(frame, level, is_table);
    } else if (is_table) {
        release_table(frame, level);
    } else {
        pool_->release(frame, level);
    }
}

template <PagingFormat Ept, HostMemory Memory>
std::uint32_t GuestSpace<Ept, Memory>::collect_retired() {
    if (options_.shootdown == nullptr) return 0;
    return options_.shootdown->collect([&](Shootdown::Retired const& retired) {
        if (retired.is_table) {
            release_table(retired.frame, retired.level);
        } else {
            pool_->release(retired.frame, retired.level);
        }
    });
}

/// One reference less to `table`; with the last one goes what it points to.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_table(Hpa table, unsigned level) {
    bool const last = pool_->references(table) == 1;
    for (std::uint64_t offset = 0; last && offset < page_4k.bytes(); offset += sizeof(Word)) {
        Entry const entry = entry_at(table + offset);
        if (SwappedEntry::is(entry.word()))
            options_.swap->release(SwappedEntry::slot(entry.word()));
        if (!entry.present()) continue;
        if (format_.leaf(entry, level)) {
            pool_->release(Hpa{entry.frame(Ept::page_size(level))}, level);
        } else {
            release_table(Hpa{entry.table()}, level - 1);
        }
    }
    pool_->release(table);
}

/// What has been retired is first: a table that still waits must count as one that this space
/// reaches no more.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_everything() {
    if (!root_) return;
    if (options_.shootdown != nullptr) {
        options_.shootdown->post();
        collect_retired();
    }
    release_table(*root_, Ept::levels);
    root_.reset();
}

} // namespace twofold
