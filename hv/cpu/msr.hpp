// Model-specific registers.
#pragma once

#include <cstdint>
#include <type_traits>

namespace twofold::hv {

/// An enumeration of MSRs by their numbers.
template <class Register>
concept MsrNumber =
    std::is_enum_v<Register> && std::is_same_v<std::underlying_type_t<Register>, std::uint32_t>;

/// #GP when the processor does not have it.
template <MsrNumber Register>
inline std::uint64_t read_msr(Register number) {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdmsr"
                 : "=a"(low), "=d"(high)
                 : "c"(static_cast<std::uint32_t>(number))
                 : "memory");
    return std::uint64_t{high} << 32 | low;
}

/// #GP when the processor does not have it, or refuses the value.
template <MsrNumber Register>
inline void write_msr(Register number, std::uint64_t value) {
    asm volatile("wrmsr"
                 :
                 : "c"(static_cast<std::uint32_t>(number)), "a"(static_cast<std::uint32_t>(value)),
                   "d"(static_cast<std::uint32_t>(value >> 32))
                 : "memory");
}

} // namespace twofold::hv
