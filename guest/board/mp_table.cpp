#include "guest/board/mp_table.hpp"

#include "guest/kit/memory.hpp"

namespace twofold::guest {

namespace {

using Bytes = std::uint8_t const volatile*;

constexpr std::uint64_t firmware_begin = 0xf'0000;
constexpr std::uint64_t firmware_end = 0x10'0000;

std::uint64_t number(Bytes at, unsigned count) {
    std::uint64_t value = 0;
    for (unsigned n = 0; n < count; ++n)
        value |= std::uint64_t{at[n]} << 8 * n;
    return value;
}

bool sums_to_zero(Bytes at, std::uint64_t count) {
    std::uint8_t sum = 0;
    for (std::uint64_t n = 0; n < count; ++n)
        sum = static_cast<std::uint8_t>(sum + at[n]);
    return sum == 0;
}

/// The configuration table, if there is one.
Bytes find_table() {
    constexpr std::uint64_t pointer_signature = 0x5f504d5f; // "_MP_", first byte lowest
    constexpr std::uint64_t table_signature = 0x504d4350;   // "PCMP"
    for (std::uint64_t gpa = firmware_begin; gpa < firmware_end; gpa += 16) {
        auto const* const pointer = pointer_to<std::uint8_t const volatile>(Gpa{gpa});
        if (number(pointer, 4) != pointer_signature || !sums_to_zero(pointer, 16)) continue;
        auto const* const table =
            pointer_to<std::uint8_t const volatile>(Gpa{number(pointer + 4, 4)});
        bool const whole =
            number(table, 4) == table_signature && sums_to_zero(table, number(table + 4, 2));
        return whole ? table : nullptr;
    }
    return nullptr;
}

} // namespace

std::optional<std::uint64_t> processors_in_mp_table() {
    Bytes const table = find_table();
    if (table == nullptr) return std::nullopt;
    constexpr std::uint64_t header_bytes = 44;
    std::uint64_t found = 0;
    Bytes entry = table + header_bytes;
    for (std::uint64_t left = number(table + 34, 2); left > 0; --left) {
        bool const processor = entry[0] == 0;
        if (processor && (entry[3] & 1) != 0) ++found;
        entry += processor ? 20 : 8;
    }
    return found;
}

} // namespace twofold::guest
