// Instructions that C++ has no words for.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/msr.hpp>

#include <cstdint>

namespace twofold::guest {

inline void write_port(std::uint16_t port, std::uint8_t value) {
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void write_port(std::uint16_t port, std::uint16_t value) {
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline void write_port(std::uint16_t port, std::uint32_t value) {
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
inline std::uint8_t read_port_8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline std::uint16_t read_port_16(std::uint16_t port) {
    std::uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
inline std::uint32_t read_port_32(std::uint16_t port) {
    std::uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

struct CpuidResult {
    std::uint32_t eax, ebx, ecx, edx;
};
inline CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
    CpuidResult r{};
    asm volatile("cpuid"
                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                 : "a"(leaf), "c"(subleaf)
                 : "memory");
    return r;
}

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

/// Ticks since the processor was reset.
inline std::uint64_t read_ticks() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return std::uint64_t{high} << 32 | low;
}

inline std::uint64_t read_cr2() {
    std::uint64_t value;
    asm volatile("mov %%cr2, %0" : "=r"(value) : : "memory");
    return value;
}
inline std::uint64_t read_cr3() {
    std::uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

/// Drops what is cached for the page of one address.
inline void invalidate_page(Gva gva) {
    asm volatile("invlpg (%0)" : : "r"(gva.value()) : "memory");
}

[[noreturn]] inline void halt_for_ever() {
    for (;;)
        asm volatile("cli; hlt");
}

} // namespace twofold::guest
