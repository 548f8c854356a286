// Out of 64-bit mode.
#include "guest/hostile/behaviours.hpp"

#include <cstring>

/// modes.S
extern "C" {
[[noreturn]] void enter_real_mode();
[[noreturn]] void stop_paging();
[[noreturn]] void use_pae_tables(std::uint64_t table);
extern char const real_begin[];
extern char const real_end[];
}

namespace twofold::guest {

/// Where the real-mode code is linked to run.
constexpr std::uint64_t real_address = 0x8000;

/// Ends with 13: the vector of the exception that a nonsensical RDMSR raises there.
int real_mode(Arguments) {
    std::memcpy(reinterpret_cast<void*>(real_address), real_begin,
                static_cast<std::size_t>(real_end - real_begin));
    enter_real_mode();
}

/// Ends with the number of references of a walk with paging off.
int paging_off(Arguments) { stop_paging(); }

/// Page-directory-pointer table behind the memory: the processor reads it for the MOV to CR0.
int pae_beyond(Arguments) { use_pae_tables(launch().memory_bytes); }

} // namespace twofold::guest
