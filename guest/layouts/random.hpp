// Numbers that look random and are the same for the same seed.
#pragma once

#include <cstdint>

namespace twofold::guest {

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators,
/// scrambled").
class Random {
  public:
    explicit constexpr Random(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 + 1) {}

    /// 0 to `limit` - 1.
    constexpr std::uint64_t below(std::uint64_t limit) {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return (state_ * 0x2545'f491'4f6c'dd1d >> 20) % limit;
    }

  private:
    std::uint64_t state_;
};

} // namespace twofold::guest
