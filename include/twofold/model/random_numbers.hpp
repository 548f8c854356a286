// Pseudo-random numbers that are the same on every machine and cost a few instructions.
#pragma once

#include <cstdint>

namespace twofold {

/// splitmix64 (Steele, Lea, Flood, 2014).
class RandomNumbers {
  public:
    explicit constexpr RandomNumbers(std::uint64_t seed) : state_(seed) {}
    constexpr std::uint64_t operator()() {
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        return z ^ (z >> 31);
    }
    /// 0 to `limit` - 1.
    constexpr std::uint64_t below(std::uint64_t limit) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((Wide{(*this)()} * limit) >> 64);
    }

  private:
    std::uint64_t state_;
};

/// Mixes a number: what hash tables and random graphs use.
constexpr std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
}

/// A bijection of the numbers below 2^`bits`: a permutation without a table.
constexpr std::uint64_t permuted(std::uint64_t number, unsigned bits) {
    std::uint64_t const mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    for (unsigned round = 0; round < 3; ++round) {
        number = (number * 0x9e37'79b9'7f4a'7c15) & mask;
        number ^= number >> (bits / 2 + 1);
    }
    return number & mask;
}

} // namespace twofold
