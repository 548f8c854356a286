// GuestSpace: what the host reads, writes and looks up in a guest's memory. Included by
// guest_space.hpp.
#pragma once

#include <twofold/memory/guest_space.hpp>

namespace twofold {

template <PagingFormat Ept, HostMemory Memory>
std::expected<Duty, SpaceError> GuestSpace<Ept, Memory>::populate() {
    Duty duty;
    for (std::uint64_t gpa = 0; gpa < options_.memory_bytes;) {
        auto const resolution = resolve({.gpa = Gpa{gpa}, .access = Access::write});
        if (!resolution) return std::unexpected(resolution.error());
        duty |= resolution->duty;
        auto const found = walk(format_, *root_, Gpa{gpa}, memory_);
        gpa += found ? found->page_size.bytes() : page_4k.bytes();
    }
    return duty;
}

template <PagingFormat Ept, HostMemory Memory>
std::optional<Hpa> GuestSpace<Ept, Memory>::translate(Gpa gpa) const {
    Memory memory = memory_;
    auto const found = walk(format_, *root_, gpa, memory);
    if (!found) return std::nullopt;
    return found->address;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Translation<Hpa>, SpaceError> GuestSpace<Ept, Memory>::reach(Gpa gpa, Access access) {
    auto const resolution = resolve({.gpa = gpa, .access = access});
    if (!resolution) return std::unexpected(resolution.error());
    owe(resolution->duty);
    auto const found = walk(format_, *root_, gpa, memory_);
    if (!found) return std::unexpected(SpaceError::denied);
    return *found;
}

/// Calls `action(hpa, done, length)` for each piece of [gpa, gpa + bytes) that lies within one
/// leaf.
template <PagingFormat Ept, HostMemory Memory>
template <class Action>
std::expected<void, SpaceError>
GuestSpace<Ept, Memory>::for_each_piece(Gpa gpa, std::uint64_t bytes, Access access,
                                        Action&& action) {
    std::uint64_t const memory = options_.memory_bytes;
    if (gpa.value() > memory || bytes > memory - gpa.value())
        return std::unexpected(SpaceError::outside_memory);
    for (std::uint64_t done = 0; done < bytes;) {
        Gpa const at = gpa + done;
        auto const found = reach(at, access);
        if (!found) return std::unexpected(found.error());
        std::uint64_t const page = found->page_size.bytes();
        std::uint64_t const length = std::min(bytes - done, page - at.offset_in(page));
        action(found->address, done, length);
        done += length;
    }
    return {};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::write(Gpa to,
                                                               std::span<std::byte const> bytes) {
    return for_each_piece(to, bytes.size(), Access::write,
                          [&](Hpa hpa, std::uint64_t done, std::uint64_t length) {
                              memory_.copy_in(hpa, bytes.subspan(done, length));
                          });
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::zero(Gpa from, std::uint64_t bytes) {
    return for_each_piece(
        from, bytes, Access::write,
        [&](Hpa hpa, std::uint64_t, std::uint64_t length) { memory_.zero(hpa, length); });
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::read(Gpa from,
                                                              std::span<std::byte> bytes) {
    return for_each_piece(from, bytes.size(), Access::read,
                          [&](Hpa hpa, std::uint64_t done, std::uint64_t length) {
                              memory_.copy_out(hpa, bytes.subspan(done, length));
                          });
}

} // namespace twofold
