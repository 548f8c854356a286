// Bits and fields of hardware formats, without the implementation-defined layout of C++ bit-fields.
#pragma once

#include <cstdint>

namespace twofold {

constexpr std::uint64_t bit(unsigned position) { return std::uint64_t{1} << position; }

/// Ones in bits `high` to `low`, both included, as the manuals write them.
constexpr std::uint64_t mask(unsigned high, unsigned low) {
    return (high >= 63 ? ~std::uint64_t{0} : bit(high + 1) - 1) & ~(bit(low) - 1);
}

/// Bits `high` to `low` of `value`, moved down to bit 0.
constexpr std::uint64_t field(std::uint64_t value, unsigned high, unsigned low) {
    return (value & mask(high, low)) >> low;
}

/// The smallest multiple of `to` that is `value` or more. `to` is not 0, and the result fits.
constexpr std::uint64_t aligned_up(std::uint64_t value, std::uint64_t to) {
    return (value + to - 1) / to * to;
}

static_assert(mask(63, 0) == ~std::uint64_t{0});
static_assert(mask(51, 12) == 0x000f'ffff'ffff'f000);
static_assert(field(0xabcd, 11, 4) == 0xbc);
static_assert(aligned_up(4097, 4096) == 8192 && aligned_up(4096, 4096) == 4096);

} // namespace twofold
