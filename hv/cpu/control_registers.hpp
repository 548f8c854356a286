// Control registers, and what belongs to paging.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold::hv {

inline std::uint64_t read_cr0() {
    std::uint64_t value;
    asm volatile("mov %%cr0, %0" : "=r"(value) : : "memory");
    return value;
}
inline void write_cr0(std::uint64_t value) {
    asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

/// The linear address of the last page fault.
inline std::uint64_t read_cr2() {
    std::uint64_t value;
    asm volatile("mov %%cr2, %0" : "=r"(value) : : "memory");
    return value;
}
inline void write_cr2(std::uint64_t value) {
    asm volatile("mov %0, %%cr2" : : "r"(value) : "memory");
}

inline std::uint64_t read_cr3() {
    std::uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}
inline void write_cr3(std::uint64_t value) {
    asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

inline std::uint64_t read_cr4() {
    std::uint64_t value;
    asm volatile("mov %%cr4, %0" : "=r"(value) : : "memory");
    return value;
}
inline void write_cr4(std::uint64_t value) {
    asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/// Drops what is cached for the page of one address.
inline void invalidate_page(Hva address) {
    asm volatile("invlpg (%0)" : : "r"(address.value()) : "memory");
}

} // namespace twofold::hv
