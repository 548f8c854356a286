// Reading and writing of model-specific registers.
#pragma once

#include <twofold/arch/msr.hpp>

#include <cstdint>

namespace twofold::hv {

/// #GP when the processor does not have it.
inline std::uint64_t read_msr(Msr number) {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr"
                 : "=a"(low), "=d"(high)
                 : "c"(static_cast<std::uint32_t>(number))
                 : "memory");
    return std::uint64_t{high} << 32 | low;
}

/// #GP when the processor does not have it, or refuses the value.
inline void write_msr(Msr number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(static_cast<std::uint32_t>(number)), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

} // namespace twofold::hv
