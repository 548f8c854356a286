// Physical memory as a guest space needs it: page-table words, and the contents of frames.
#pragma once

#include "hv/cpu/physical_memory.hpp"

#include <twofold/memory/guest_space.hpp>

#include <cstddef>
#include <cstring>
#include <span>

namespace twofold::hv {

class HostMemory : public PhysicalMemory {
  public:
    void zero(Hpa from, std::uint64_t bytes) {
        auto* to = at<void>(from);
        std::uint64_t words = bytes / 8;
        asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
        if (bytes % 8 != 0) std::memset(to, 0, bytes % 8);
    }
    void copy(Hpa from, Hpa to, std::uint64_t bytes) {
        std::memcpy(at<void>(to), at<void>(from), bytes);
    }
    void copy_in(Hpa to, std::span<std::byte const> bytes) {
        std::memcpy(at<void>(to), bytes.data(), bytes.size());
    }
    void copy_out(Hpa from, std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), at<void>(from), bytes.size());
    }
};

using Space = GuestSpace<EptFormat<4>, HostMemory>;

} // namespace twofold::hv
