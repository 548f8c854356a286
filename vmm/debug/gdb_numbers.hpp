// Numbers in packets of the GDB remote protocol: hexadecimal, without a prefix.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace twofold::vmm {

/// All of `text` as one number.
inline std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t number = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// What stands before and after the first `separator`; without one all of `text` stands before it.
inline std::pair<std::string_view, std::string_view> split_at(std::string_view text,
                                                              char separator) {
    auto const at = text.find(separator);
    if (at == std::string_view::npos) return {text, {}};
    return {text.substr(0, at), text.substr(at + 1)};
}

/// "address,length".
inline std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(std::string_view text) {
    auto const [first, second] = split_at(text, ',');
    auto const address = parse_hex(first);
    auto const length = parse_hex(second);
    if (!address || !length) return std::nullopt;
    return std::pair{*address, *length};
}

} // namespace twofold::vmm
