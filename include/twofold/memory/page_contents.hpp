// The contents of 4 KiB frames, compared.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <bit>
#include <cstdint>

namespace twofold {

struct PageDigest {
    std::uint64_t hash = 0;
    bool all_zero = true;
};

/// Two pages with different digests differ. Two with the same may.
template <class Memory>
PageDigest digest_of(Memory& memory, Hpa frame) {
    // Any odd constant with bits all over spreads a word over the hash.
    constexpr std::uint64_t spread = 0x9e37'79b9'7f4a'7c15;
    PageDigest digest;
    for (std::uint64_t offset = 0; offset < page_4k.bytes(); offset += sizeof(std::uint64_t)) {
        auto const word = memory.template read<std::uint64_t>(frame + offset);
        std::uint64_t const value = word ? *word : 0;
        digest.hash = (std::rotl(digest.hash, 5) ^ value) * spread;
        digest.all_zero = digest.all_zero && value == 0;
    }
    return digest;
}

template <class Memory>
bool same_contents(Memory& memory, Hpa a, Hpa b) {
    for (std::uint64_t offset = 0; offset < page_4k.bytes(); offset += sizeof(std::uint64_t)) {
        auto const in_a = memory.template read<std::uint64_t>(a + offset);
        auto const in_b = memory.template read<std::uint64_t>(b + offset);
        if (!in_a || !in_b || *in_a != *in_b) return false;
    }
    return true;
}

} // namespace twofold
