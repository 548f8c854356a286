// A paging mode beside the one that guests start in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace twofold::guest {

/// What walk_in_mode is to do, and what came of it. Must lie below 4 GiB.
struct OtherMode {
    enum class Afterwards : std::uint32_t {
        /// Go back.
        nothing = 0,
        /// Ask for the walk of `gva`, then go back.
        walk = 1,
        /// The same, then end the guest, in this mode, with 0.
        walk_and_exit = 2,
    };

    std::uint32_t cr3;
    std::uint32_t cr4;
    /// CR0.PG, or 0.
    std::uint32_t paging;
    std::uint32_t gva;
    Afterwards afterwards;
    /// References, as the hypercall returned them.
    std::uint32_t result;
};
// walk_in_mode.S knows these.
static_assert(offsetof(OtherMode, result) == 20 && sizeof(OtherMode) == 24);

/// walk_in_mode.S: leaves 64-bit mode for this one, accesses the byte at `gva` in a window, and
/// comes back.
extern "C" void walk_in_mode(OtherMode* mode);

} // namespace twofold::guest
