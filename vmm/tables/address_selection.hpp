// Which addresses of a guest are walked.
#pragma once

#include "tables/guest_tables.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// Addresses from `from` on, below `to`, each `step` above the one before it.
struct AddressRange {
    std::uint64_t from;
    std::uint64_t to;
    std::uint64_t step;
};

/// "FROM-TO" or "FROM-TO:STEP", of sizes as parse_size() has them; 4K without a step. Throws
/// UsageError for what is none, is empty, or has more than `most_addresses`.
AddressRange parse_address_range(std::string_view text);

inline constexpr std::uint64_t most_addresses = std::uint64_t{1} << 20;

/// What was asked for.
struct AddressSelection {
    std::vector<std::string> gvas = {};
    std::string range = {};
    std::uint64_t sample = 0;
    std::uint64_t seed = 1;

    [[nodiscard]] bool any() const { return !gvas.empty() || !range.empty() || sample != 0; }
    /// Throws UsageError for what makes no sense, before anything runs.
    void check() const;
    /// Those of --gva in their order, the range, then the sample: 4K pages drawn at random, and
    /// again, out of all that the guest's tables map. Throws Failure for an address that the
    /// guest's mode does not have, and where a sample has nothing to draw from.
    [[nodiscard]] std::vector<Gva> addresses(GuestTables const& tables) const;
};

} // namespace twofold::vmm
