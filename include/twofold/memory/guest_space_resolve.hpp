// GuestSpace: how a violation is answered. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve(Violation const& violation) {
    if (violation.gpa.value() >= straight_below_) return resolve_with_care(violation);
    bool const writes = violation.access == Access::write;
    if (!writes && options_.zero_frame) return resolve_read(violation);
    // Nearly every access that faults finds its table in place and private, and its entry empty.
    Hpa slot;
    if (!find_private_empty_slot(violation.gpa, slot))
        return writes ? resolve_write_slowly(violation.gpa) : resolve_read(violation);
    Hpa frame;
    if (options_.stock == nullptr || !options_.stock->take(frame)) return fill_from_pool(slot);
    return fill_empty_slot(slot, frame);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::fill_from_pool(Hpa slot) {
    Hpa frame;
    if (!pool_->take(frame)) return std::unexpected(SpaceError::out_of_frames);
    memory_.zero(frame, page_4k.bytes());
    return fill_empty_slot(slot, frame);
}

template <PagingFormat Ept, HostMemory Memory>
[[gnu::always_inline]] inline std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::fill_empty_slot(Hpa slot, Hpa zeroed) {
    (void)memory_.write(slot, Entry::to_frame(zeroed.value(), 1, read_write_execute).word());
    ++frames_;
    return Resolution{Resolution::Kind::zero_filled, {}};
}

/// Beyond the guest's memory, or where a policy or a dirty log has a word to say, or something is
/// owed.
template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::resolve_with_care(Violation const& violation) {
    if (violation.gpa.value() >= options_.memory_bytes)
        return std::unexpected(SpaceError::outside_memory);
    bool const writes = violation.access == Access::write;
    auto answer = writes ? resolve_write_slowly(violation.gpa) : resolve_read(violation);
    if (!answer) return answer;
    answer->duty |= owed();
    if (writes && log_ != nullptr) log_->mark(violation.gpa);
    return answer;
}

/// The level-1 slot for `gpa`, if it is empty and every entry on the way down is a table that the
/// space alone uses. Out parameters here and below, since an optional in the middle of a first
/// touch costs as much as one level of the walk.
template <PagingFormat Ept, HostMemory Memory>
[[gnu::always_inline]] inline bool GuestSpace<Ept, Memory>::find_private_empty_slot(Gpa gpa,
                                                                                    Hpa& slot) {
    constexpr auto table_bits = Ept::Entry::write_bit | Ept::Entry::large_page_bit;
    Hpa table = *root_;
#pragma GCC unroll 4
    for (unsigned level = Ept::levels; level > 1; --level) {
        auto const word = *memory_.template read<typename Ept::Word>(
            table + Ept::index(gpa, level) * sizeof(typename Ept::Word));
        if ((word & table_bits) != Ept::Entry::write_bit) return false;
        table = Hpa{typename Ept::Entry{word}.table()};
    }
    slot = table + Ept::index(gpa, 1) * sizeof(Word);
    return *memory_.template read<Word>(slot) == 0; // not even swapped out
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::resolve_read(Violation const& violation) {
    auto const slot = find_slot(format_, *root_, violation.gpa, 1, memory_);
    if (!slot) return std::unexpected(SpaceError::denied);
    if (slot->entry.present()) {
        if (slot->entry.permissions().allow(violation.access))
            return Resolution{Resolution::Kind::already_mapped, {}};
        if (violation.access == Access::execute) return make_executable(*slot, violation.gpa);
        return std::unexpected(SpaceError::denied);
    }
    // A page may come into a table that is shared: it is the same page for all who share it.
    if (SwappedEntry::is(slot->entry.word())) return swap_in(*slot, violation.access);
    // So may zeros: all who share the table have never written there.
    if (options_.zero_frame && leaf_level_ == 1)
        return map_zero_frame(*slot, violation.gpa, violation.access);
    return resolve_write_slowly(violation.gpa, violation.access);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve_write_slowly(Gpa gpa,
                                                                                    Access access) {
    // Three tables and a page at most, with four levels.
    if (!room_to_give_up(Ept::levels + 1)) return std::unexpected(SpaceError::shootdown_pending);
    auto const found = private_slot(gpa);
    if (!found) return std::unexpected(found.error());
    auto const& [slot, duty, tables_unshared] = *found;

    std::expected<Resolution, SpaceError> answer = Resolution{Resolution::Kind::already_mapped, {}};
    if (!slot.entry.present()) {
        answer =
            SwappedEntry::is(slot.entry.word()) ? swap_in(slot, access) : fill(slot, gpa, access);
    } else if (access == Access::write && !slot.entry.permissions().write) {
        answer = break_copy_on_write(slot);
    }
    if (!answer) {
        owe(duty);
        return answer;
    }
    answer->duty |= duty;
    answer->tables_unshared = tables_unshared;
    return answer;
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::replace(Slot<Ept> const& slot, Entry entry) {
    (void)memory_.write(slot.address, entry.word());
    return duty_of_change(format_, slot.entry, entry, slot.level);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::break_copy_on_write(Slot<Ept> const& slot) {
    Hpa const shared{slot.entry.frame(Ept::page_size(slot.level))};
    bool const is_zero = shared == options_.zero_frame;
    if (!is_zero && pool_->exclusive(shared, slot.level)) {
        ++statistics_.taken_over;
        return Resolution{Resolution::Kind::taken_over, replace(slot, with_write(slot.entry))};
    }
    auto const frame = pool_->allocate();
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    if (is_zero) {
        memory_.zero(*frame, page_4k.bytes());
    } else {
        memory_.copy(shared, *frame, page_4k.bytes());
        ++statistics_.copied;
    }
    // Accessed, dirty and execute are the page's, not the frame's.
    Entry const own{(with_write(slot.entry).word() & ~Entry::address_mask) | frame->value()};
    Duty const duty = replace(slot, own);
    give_up(shared, 1);
    ++frames_;
    return Resolution{is_zero ? Resolution::Kind::zero_filled : Resolution::Kind::copied, duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::map_zero_frame(Slot<Ept> const& slot, Gpa gpa, Access access) {
    Tables tables{*this};
    auto allowed = permissions_for(access);
    allowed.write = false;
    auto const leaf = Entry::to_frame(options_.zero_frame->value(), 1, allowed);
    auto const duty = install(format_, slot, gpa, 1, leaf, memory_, tables);
    if (!duty) return std::unexpected(SpaceError::out_of_frames);
    pool_->retain(*options_.zero_frame);
    ++statistics_.zero_shared;
    return Resolution{Resolution::Kind::zero_shared, *duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::fill(Slot<Ept> const& slot, Gpa gpa,
                                                                    Access access) {
    auto const [level, frame] = allocate_leaf(slot, gpa, access);
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    PageSize const size = Ept::page_size(level);
    memory_.zero(*frame, size.bytes());

    Tables tables{*this};
    auto const leaf = Entry::to_frame(frame->value(), level, permissions_for(access));
    auto const duty = install(format_, slot, gpa, level, leaf, memory_, tables);
    if (!duty) {
        pool_->release(*frame, level);
        return std::unexpected(SpaceError::out_of_frames);
    }
    frames_ += size.frames();
    return Resolution{Resolution::Kind::zero_filled, *duty};
}

/// What a page that comes in for `access` may be used for.
template <PagingFormat Ept, HostMemory Memory>
Permissions GuestSpace<Ept, Memory>::permissions_for(Access access) const {
    bool const first_write_is_wanted =
        log_ != nullptr && means_ == DirtyMeans::write_protection && access != Access::write;
    return {.read = true,
            .write = !first_write_is_wanted,
            .execute =
                options_.executable == ExecutablePages::any_size || access == Access::execute};
}

/// The largest frame that fits between `slot`, where nothing is mapped, and the guest's memory, and
/// that the pool has and policy allows.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::allocate_leaf(Slot<Ept> const& slot, Gpa gpa, Access access)
    -> LeafFrame {
    bool const small = log_ != nullptr || (access == Access::execute &&
                                           options_.executable == ExecutablePages::small_only);
    for (unsigned level = std::min(leaf_level_, slot.level); level > 1 && !small; --level) {
        PageSize const size = Ept::page_size(level);
        if (gpa.aligned_down(size.bytes()) + size.bytes() > Gpa{options_.memory_bytes}) continue;
        if (auto const frame = pool_->allocate(level)) return {level, frame};
    }
    return {1, pool_->allocate()};
}

/// A fetch from a page that may not be executed: with ExecutablePages::small_only, the first one.
template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::make_executable(Slot<Ept> const& slot, Gpa gpa) {
    if (options_.executable == ExecutablePages::any_size)
        return std::unexpected(SpaceError::denied);
    Resolution answer{Resolution::Kind::made_executable, {}};
    Slot<Ept> small = slot;
    if (slot.level > 1) {
        auto const duty = split(gpa);
        if (!duty) return std::unexpected(duty.error());
        answer.duty = *duty;
        small = look_up(gpa).slot;
    }
    answer.duty |= replace(small, Entry{small.entry.word() | Entry::execute_bit});
    return answer;
}

} // namespace twofold
