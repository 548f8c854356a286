// Which bytes are UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace twofold::abi {

/// What the first byte of a sequence promises.
struct Utf8Lead {
    /// Bytes of the sequence; 0 when no sequence starts with this byte.
    std::size_t length;
    /// What the second byte may be: this shuts out overlong forms, surrogates and what lies above
    /// U+10FFFF.
    std::uint8_t second_low = 0x80;
    std::uint8_t second_high = 0xbf;
};

constexpr Utf8Lead utf8_lead(std::uint8_t byte) {
    if (byte < 0x80) return {1};
    if (byte < 0xc2) return {0};
    if (byte < 0xe0) return {2};
    if (byte == 0xe0) return {3, 0xa0};
    if (byte == 0xed) return {3, 0x80, 0x9f};
    if (byte < 0xf0) return {3};
    if (byte == 0xf0) return {4, 0x90};
    if (byte < 0xf4) return {4};
    if (byte == 0xf4) return {4, 0x80, 0x8f};
    return {0};
}

/// Bytes of the well-formed sequence that `text` starts with; 0 if there is none.
constexpr std::size_t utf8_sequence_length(std::string_view text) {
    if (text.empty()) return 0;
    Utf8Lead const lead = utf8_lead(static_cast<std::uint8_t>(text[0]));
    if (lead.length == 0 || lead.length > text.size()) return 0;
    for (std::size_t i = 1; i < lead.length; ++i) {
        auto const byte = static_cast<std::uint8_t>(text[i]);
        if (byte < (i == 1 ? lead.second_low : 0x80)) return 0;
        if (byte > (i == 1 ? lead.second_high : 0xbf)) return 0;
    }
    return lead.length;
}

} // namespace twofold::abi
