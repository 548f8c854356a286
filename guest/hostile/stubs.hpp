// stubs.S
#pragma once

#include <cstdint>

extern "C" {
void stub_breakpoint();
extern char const stub_breakpoint_next[];
void stub_icebp();
extern char const stub_icebp_next[];
void stub_interrupt_80();
extern char const stub_interrupt_80_next[];
void stub_undefined();
/// 256 functions, 4 bytes apart: `int n`.
extern char const interrupt_stubs[];
/// Executes seven instructions with TF set; the handler of #DB must return.
void step_through();
}

namespace twofold::guest {

inline std::uint64_t address_of(void (*function)()) {
    return reinterpret_cast<std::uint64_t>(function);
}
inline std::uint64_t address_of(char const* label) {
    return reinterpret_cast<std::uint64_t>(label);
}

inline void call_interrupt(std::uint8_t vector) {
    reinterpret_cast<void (*)()>(address_of(interrupt_stubs) + 4U * vector)();
}

/// An address that is not canonical.
inline constexpr std::uint64_t not_canonical = 0x8000'0000'0000'0000;

} // namespace twofold::guest
