// GuestSpace: how a violation is answered. Included by guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve(Violation const& violation) {
    if (violation.gpa.value() >= options_.memory_bytes)
        return std::unexpected(SpaceError::outside_memory);
    bool const writes = violation.access == Access::write;
    if (!writes && options_.zero_frame) return resolve_read(violation);
    // Nearly every access that faults finds its table in place and private, and its entry empty.
    Hpa slot;
    if (!find_private_empty_slot(violation.gpa, slot))
        return writes ? resolve_write_slowly(violation.gpa) : resolve_read(violation);
    Hpa frame;
    if (!take_zeroed_frame(frame)) return std::unexpected(SpaceError::out_of_frames);
    (void)memory_.write(slot, Ept::Entry::to_frame(frame.value(), 1, read_write_execute).word());
    ++frames_;
    return Resolution{Resolution::Kind::zero_filled, {}};
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
    slot = table + Ept::index(gpa, 1) * sizeof(typename Ept::Word);
    return !typename Ept::Entry{*memory_.template read<typename Ept::Word>(slot)}.present();
}

template <PagingFormat Ept, HostMemory Memory>
[[gnu::always_inline]] inline bool GuestSpace<Ept, Memory>::take_zeroed_frame(Hpa& frame) {
    if (options_.stock != nullptr && options_.stock->take(frame)) return true;
    if (!pool_->take(frame)) return false;
    memory_.zero(frame, page_4k.bytes());
    return true;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::resolve_read(Violation const& violation) {
    auto const slot = find_slot(format_, *root_, violation.gpa, 1, memory_);
    if (!slot) return std::unexpected(SpaceError::denied);
    if (slot->entry.present()) {
        if (!slot->entry.permissions().allow(violation.access))
            return std::unexpected(SpaceError::denied);
        return Resolution{Resolution::Kind::already_mapped, {}};
    }
    // Zeros may go into a table that is shared: all who share it have never written there.
    if (options_.zero_frame && leaf_level_ == 1) return map_zero_frame(*slot, violation.gpa);
    return resolve_write_slowly(violation.gpa);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve_write_slowly(Gpa gpa) {
    auto const found = private_slot(gpa);
    if (!found) return std::unexpected(found.error());
    auto const& [slot, duty, tables_unshared] = *found;

    std::expected<Resolution, SpaceError> answer = Resolution{Resolution::Kind::already_mapped, {}};
    if (!slot.entry.present()) {
        answer = fill(slot, gpa);
    } else if (!slot.entry.permissions().write) {
        answer = break_copy_on_write(slot);
    }
    if (!answer) return answer;
    answer->duty |= duty;
    answer->tables_unshared = tables_unshared;
    return answer;
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::replace(Slot<Ept> const& slot, typename Ept::Entry entry) {
    (void)memory_.write(slot.address, entry.word());
    return duty_of_change(format_, slot.entry, entry, slot.level);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::break_copy_on_write(Slot<Ept> const& slot) {
    Hpa const shared{slot.entry.frame(Ept::page_size(slot.level))};
    bool const is_zero = shared == options_.zero_frame;
    if (!is_zero && pool_->exclusive(shared, slot.level)) {
        auto const writable = Ept::Entry::to_frame(shared.value(), slot.level, read_write_execute);
        return Resolution{Resolution::Kind::taken_over, replace(slot, writable)};
    }
    auto const frame = pool_->allocate();
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    if (is_zero) {
        memory_.zero(*frame, page_4k.bytes());
    } else {
        memory_.copy(shared, *frame, page_4k.bytes());
    }
    Duty const duty = replace(slot, Ept::Entry::to_frame(frame->value(), 1, read_write_execute));
    pool_->release(shared);
    ++frames_;
    return Resolution{is_zero ? Resolution::Kind::zero_filled : Resolution::Kind::copied, duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::map_zero_frame(Slot<Ept> const& slot,
                                                                              Gpa gpa) {
    Tables tables{*this};
    auto const leaf = Ept::Entry::to_frame(options_.zero_frame->value(), 1, read_execute);
    auto const duty = install(format_, slot, gpa, 1, leaf, memory_, tables);
    if (!duty) return std::unexpected(SpaceError::out_of_frames);
    pool_->retain(*options_.zero_frame);
    return Resolution{Resolution::Kind::zero_shared, *duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::fill(Slot<Ept> const& slot,
                                                                    Gpa gpa) {
    auto const [level, frame] = allocate_leaf(slot, gpa);
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    PageSize const size = Ept::page_size(level);
    memory_.zero(*frame, size.bytes());

    Tables tables{*this};
    auto const leaf = Ept::Entry::to_frame(frame->value(), level, read_write_execute);
    auto const duty = install(format_, slot, gpa, level, leaf, memory_, tables);
    if (!duty) {
        pool_->release(*frame, level);
        return std::unexpected(SpaceError::out_of_frames);
    }
    frames_ += size.frames();
    return Resolution{Resolution::Kind::zero_filled, *duty};
}

/// The largest frame that fits between `slot`, where nothing is mapped, and the guest's memory, and
/// that the pool has.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::allocate_leaf(Slot<Ept> const& slot, Gpa gpa) -> LeafFrame {
    for (unsigned level = std::min(leaf_level_, slot.level); level > 1; --level) {
        PageSize const size = Ept::page_size(level);
        if (gpa.aligned_down(size.bytes()) + size.bytes() > Gpa{options_.memory_bytes}) continue;
        if (auto const frame = pool_->allocate(level)) return {level, frame};
    }
    return {1, pool_->allocate()};
}

} // namespace twofold
