// Physical memory as a guest space needs it: page-table words, and the contents of frames.
#pragma once

#include "hv/cpu/physical_memory.hpp"

#include <twofold/memory/guest_space.hpp>

#include <cstddef>
#include <cstring>
#include <span>

/// share_entries.S
extern "C" void twofold_share_entries(std::uint64_t table, std::uint32_t* counts);
extern "C" void twofold_share_entries_bmi2(std::uint64_t table, std::uint32_t* counts);

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
    /// Takes the write permission from the 512 entries of the table `from`, copies them to `to`,
    /// and counts one more reference to the frame of each in `counts`, by frame number.
    void share_small_entries(Hpa from, Hpa to, std::uint32_t* counts) {
        if (has_shifts_without_flags) {
            twofold_share_entries_bmi2(from.value(), counts);
        } else {
            twofold_share_entries(from.value(), counts);
        }
        copy(from, to, 4096);
    }
    /// BMI2, which share_small_entries() makes use of. To be set before.
    static inline constinit bool has_shifts_without_flags = false;

    void copy_in(Hpa to, std::span<std::byte const> bytes) {
        std::memcpy(at<void>(to), bytes.data(), bytes.size());
    }
    void copy_out(Hpa from, std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), at<void>(from), bytes.size());
    }
};

using Space = GuestSpace<EptFormat<4>, HostMemory>;

} // namespace twofold::hv
