// The time stamp counter of this processor.
#pragma once

#include <cstdint>

namespace twofold::vmm::kvm {

inline std::uint64_t read_ticks() {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return std::uint64_t{high} << 32 | low;
}

} // namespace twofold::vmm::kvm
