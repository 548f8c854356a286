// Ticks from one RDTSC to the next, with one instruction between them.
//
// Nothing is subtracted: what the second RDTSC and the saving of the first one's answer take is in
// the figure, 2 to 4 instructions.
#pragma once

#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::guest {

inline std::uint32_t ticks_of_cpuid() {
    std::uint32_t begin;
    std::uint32_t end;
    asm volatile("rdtsc\n\t"
                 "movl %%eax, %0\n\t"
                 "xorl %%eax, %%eax\n\t"
                 "cpuid\n\t"
                 "rdtsc"
                 : "=&r"(begin), "=&a"(end)
                 :
                 : "rbx", "rcx", "rdx", "cc", "memory");
    return end - begin;
}

/// The hypercall that does nothing (abi/hypercall.hpp).
inline std::uint32_t ticks_of_vmcall() {
    std::uint32_t begin;
    std::uint32_t end;
    asm volatile("rdtsc\n\t"
                 "movl %%eax, %0\n\t"
                 "xorl %%eax, %%eax\n\t"
                 "vmcall\n\t"
                 "rdtsc"
                 : "=&r"(begin), "=&a"(end)
                 :
                 : "rdx", "cc", "memory");
    return end - begin;
}

/// One byte to `port`.
template <std::uint16_t port>
std::uint32_t ticks_of_output() {
    std::uint32_t begin;
    std::uint32_t end;
    asm volatile("rdtsc\n\t"
                 "movl %%eax, %0\n\t"
                 "movl %2, %%edx\n\t"
                 "outb %%al, %%dx\n\t"
                 "rdtsc"
                 : "=&r"(begin), "=&a"(end)
                 : "i"(port)
                 : "rdx", "cc", "memory");
    return end - begin;
}

inline std::uint32_t ticks_of_write(Gva gva) {
    std::uint32_t begin;
    std::uint32_t end;
    asm volatile("rdtsc\n\t"
                 "movl %%eax, %0\n\t"
                 "movl %%eax, (%2)\n\t"
                 "rdtsc"
                 : "=&r"(begin), "=&a"(end)
                 : "r"(gva.value())
                 : "rdx", "memory");
    return end - begin;
}

inline std::uint32_t ticks_of_read(Gva gva) {
    std::uint32_t begin;
    std::uint32_t end;
    asm volatile("rdtsc\n\t"
                 "movl %%eax, %0\n\t"
                 "movl (%2), %%eax\n\t"
                 "rdtsc"
                 : "=&r"(begin), "=&a"(end)
                 : "r"(gva.value())
                 : "rdx", "memory");
    return end - begin;
}

} // namespace twofold::guest
