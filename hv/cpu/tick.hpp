// The time-stamp counter.
#pragma once

#include <cstdint>

namespace twofold::hv {

/// Ticks since the processor was reset.
inline std::uint64_t read_ticks() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

} // namespace twofold::hv
