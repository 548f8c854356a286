// The paging modes of a processor (Intel SDM vol. 3, "Paging Modes and Control Bits").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold {

enum class PagingMode : std::uint8_t {
    /// CR0.PG = 0: each address is its own translation.
    off,
    /// Two levels of 1024 entries.
    bits_32,
    /// Two levels in memory, below four PDPTEs that the processor holds in registers.
    pae,
    four_level,
    five_level,
};

/// Its name in reports.
constexpr std::string_view paging_mode_name(PagingMode mode) {
    switch (mode) {
    case PagingMode::off: return "off";
    case PagingMode::bits_32: return "32_bit";
    case PagingMode::pae: return "pae";
    case PagingMode::four_level: return "4_level";
    case PagingMode::five_level: return "5_level";
    }
    return "";
}

/// The mode of that name, if there is one.
constexpr std::optional<PagingMode> paging_mode_named(std::string_view name) {
    for (auto const mode : {PagingMode::off, PagingMode::bits_32, PagingMode::pae,
                            PagingMode::four_level, PagingMode::five_level})
        if (paging_mode_name(mode) == name) return mode;
    return std::nullopt;
}

/// Levels of tables in memory.
constexpr unsigned levels_of(PagingMode mode) {
    switch (mode) {
    case PagingMode::off: return 0;
    case PagingMode::bits_32:
    case PagingMode::pae: return 2;
    case PagingMode::four_level: return 4;
    case PagingMode::five_level: return 5;
    }
    return 0;
}

/// Bits of a linear address, the topmost of which the bits above repeat where there are more
/// than 32.
constexpr unsigned linear_bits(PagingMode mode) {
    switch (mode) {
    case PagingMode::four_level: return 48;
    case PagingMode::five_level: return 57;
    default: return 32;
    }
}

static_assert(paging_mode_named("pae") == PagingMode::pae && !paging_mode_named("none"));

} // namespace twofold
