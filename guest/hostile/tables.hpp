// Descriptor tables as the processor has them loaded.
#pragma once

#include <cstdint>

namespace twofold::guest {

/// What LGDT and LIDT load, SGDT and SIDT store.
struct [[gnu::packed]] TableRegister {
    std::uint16_t limit;
    std::uint64_t base;
};

inline TableRegister interrupt_table() {
    TableRegister table;
    asm volatile("sidt %0" : "=m"(table));
    return table;
}
inline void load_interrupt_table(TableRegister const& table) {
    asm volatile("lidt %0" : : "m"(table) : "memory");
}
inline TableRegister global_table() {
    TableRegister table;
    asm volatile("sgdt %0" : "=m"(table));
    return table;
}
inline void load_global_table(TableRegister const& table) {
    asm volatile("lgdt %0" : : "m"(table) : "memory");
}

/// The low half of a vector's gate, in the table that is loaded.
inline std::uint64_t volatile& gate(std::uint8_t vector) {
    return reinterpret_cast<std::uint64_t volatile*>(interrupt_table().base)[2 * vector];
}
/// A descriptor in the table that is loaded.
inline std::uint64_t volatile& descriptor(std::uint16_t selector) {
    return reinterpret_cast<std::uint64_t volatile*>(global_table().base)[selector / 8];
}

/// Of gates and of descriptors.
inline constexpr std::uint64_t descriptor_present = std::uint64_t{1} << 47;

} // namespace twofold::guest
