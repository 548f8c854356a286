// One access with nothing else around it, so that a machine that traces its page walks shows that
// one alone.
#pragma once

#include "guest/kit/memory.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/access.hpp>
#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::guest {

/// `xchg %bx, %bx`, which stops Bochs where it was told to stop there, and does nothing elsewhere;
/// then `jmp *%rdx`. What a page that is to be executed holds.
inline constexpr std::uint64_t stop_and_return = 0xe2ff'db87'66;

// The access stands between two such stops, all in 16 aligned bytes: whatever the first one needs
// for being fetched, the others need as well. Nothing is on the stack.

inline void read_in_window(Gva gva) {
    std::uint8_t value;
    asm volatile(".balign 16\n\t"
                 "xchg %%bx, %%bx\n\t"
                 "movb (%1), %0\n\t"
                 "xchg %%bx, %%bx"
                 : "=q"(value)
                 : "r"(gva.value())
                 : "memory");
}

inline void write_in_window(Gva gva, std::uint8_t value) {
    asm volatile(".balign 16\n\t"
                 "xchg %%bx, %%bx\n\t"
                 "movb %0, (%1)\n\t"
                 "xchg %%bx, %%bx"
                 :
                 : "q"(value), "r"(gva.value())
                 : "memory");
}

inline void execute_in_window(Gva gva) {
    asm volatile("leaq 1f(%%rip), %%rdx\n\t"
                 ".balign 16\n\t"
                 "xchg %%bx, %%bx\n\t"
                 "jmp *%0\n"
                 "1:"
                 :
                 : "r"(gva.value())
                 : "rdx", "memory");
}

/// Accesses one byte at `gva` once, with no translation of it cached. Writing stores what is there
/// already; to be executed, `gva` must hold stop_and_return.
inline void access_in_window(Gva gva, Access access) {
    std::uint8_t const held = *pointer_to<std::uint8_t volatile>(gva);
    invalidate_page(gva);
    switch (access) {
    case Access::read: return read_in_window(gva);
    case Access::write: return write_in_window(gva, held);
    case Access::execute: return execute_in_window(gva);
    }
}

} // namespace twofold::guest
