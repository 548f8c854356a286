// The order in which at most four slots were used, in one byte, and the table of what follows on
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace twofold {

/// Two bits a slot, the least recently used lowest. Slots that a set does not have stay highest,
/// where no victim is taken from.
namespace use_order {

inline constexpr std::uint32_t most_slots = 4;
inline constexpr std::uint8_t initial = 0b11'10'01'00;

constexpr std::uint8_t slot_at(std::uint8_t order, unsigned position) {
    return order >> (2 * position) & 3;
}
/// The order after `slot` was taken out and put in again at `position`.
constexpr std::uint8_t moved(std::uint8_t order, unsigned slot, unsigned position) {
    unsigned result = 0;
    for (unsigned from = 0, to = 0; to < most_slots; ++to) {
        if (to == position) {
            result |= slot << (2 * to);
            continue;
        }
        while (from < most_slots && slot_at(order, from) == slot)
            ++from;
        if (from < most_slots) result |= unsigned{slot_at(order, from++)} << (2 * to);
    }
    return static_cast<std::uint8_t>(result);
}

/// The orders that follow on each order: after a use of slot 0 to 3, then after a use of the least
/// recently used one.
using Successors = std::array<std::uint8_t, std::size_t{256} * (most_slots + 1)>;
constexpr Successors successors_in(unsigned slots) {
    Successors next{};
    for (unsigned used = 0; used <= most_slots; ++used) {
        for (unsigned order = 0; order < 256; ++order) {
            auto const now = static_cast<std::uint8_t>(order);
            next[used * 256 + order] =
                moved(now, used < most_slots ? used : slot_at(now, 0), slots - 1);
        }
    }
    return next;
}
/// By the number of slots, from 1.
inline constexpr std::array<Successors, most_slots> successors{successors_in(1), successors_in(2),
                                                               successors_in(3), successors_in(4)};
static_assert(successors[3][256 * 4 + initial] == 0b00'11'10'01);
static_assert(successors[1][256 * 4 + initial] == 0b11'10'00'01);

} // namespace use_order

} // namespace twofold
