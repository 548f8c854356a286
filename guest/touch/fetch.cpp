#include "guest/touch/fetch.hpp"

#include "guest/kit/traps.hpp"

#include <twofold/arch/exception.hpp>

#include <cstdint>

namespace twofold::guest {

namespace {

/// Not canonical, with 48 bits of linear address or with 57.
constexpr std::uint64_t no_address = 0x8000'0000'0000'0000;

/// Where the fetch under way returns to; 0: none is.
constinit std::uint64_t return_address = 0;

void return_from_fetch(TrapFrame& frame) {
    if (return_address == 0) {
        set_trap_handler(exception::general_protection, nullptr);
        return; // The fault comes again, and ends the guest with its name.
    }
    frame.rip = return_address;
    return_address = 0;
}

} // namespace

void prepare_fetches() { set_trap_handler(exception::general_protection, return_from_fetch); }

void fetch_from(Gva gva) {
    asm volatile("leaq 1f(%%rip), %%rcx\n\t"
                 "movq %%rcx, %0\n\t"
                 "jmp *%1\n"
                 "1:"
                 : "=m"(return_address)
                 : "r"(gva.value()), "a"(no_address)
                 : "rcx", "cc", "memory");
}

} // namespace twofold::guest
