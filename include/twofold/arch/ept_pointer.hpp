// What the processor holds to find the extended page tables (Intel SDM vol. 3, "Extended-Page-Table
// Pointer (EPTP)").
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold {

/// The EPTP for tables rooted at `root`, a multiple of 4096, that are walked write-back.
/// `levels`: 4 or 5. `accessed_dirty`: the processor sets A and D bits, and reads of guest page
/// tables count as writes.
constexpr std::uint64_t ept_pointer(Hpa root, unsigned levels, bool accessed_dirty) {
    return root.value() | static_cast<std::uint64_t>(MemoryType::write_back) |
           std::uint64_t{levels - 1} << 3 | (accessed_dirty ? bit(6) : 0);
}

static_assert(ept_pointer(Hpa{0x5000}, 4, true) == 0x505e);

} // namespace twofold
