// The guest's free memory.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <optional>

namespace twofold::guest {

/// Where a gpa can be reached: guest memory is mapped to itself.
template <class T>
T* pointer_to(Gpa gpa) {
    return reinterpret_cast<T*>(gpa.value());
}
template <class T>
T* pointer_to(Gva gva) {
    return reinterpret_cast<T*>(gva.value());
}

/// Takes `count` pages of 4 KiB that nobody has touched since the guest started, one after another,
/// the first at a multiple of `alignment`, a power of two from 4096. Nothing if fewer are left.
/// They are never given back.
std::optional<Gpa> allocate_pages(std::uint64_t count, std::uint64_t alignment = page_4k.bytes());

/// How many pages are left.
std::uint64_t pages_left();

} // namespace twofold::guest
