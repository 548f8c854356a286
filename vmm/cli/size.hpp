// Sizes and times as people write them on the command line.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// "64M", "1G", "4096", "0x4000", "512KiB": a whole number, decimal or hexadecimal, and an optional
/// binary unit. Throws UsageError naming `option` for what is none or takes more than 64 bits.
std::uint64_t parse_size(std::string_view option, std::string_view text);

/// "4k", "2m" or "1g", in either case. Throws UsageError naming `option` for all else.
PageSize parse_page_size(std::string_view option, std::string_view text);

/// Seconds, with a fraction if need be. Throws UsageError naming `option` for what is negative, no
/// number, or above a year.
std::chrono::milliseconds parse_seconds(std::string_view option, std::string_view text);

} // namespace twofold::vmm
