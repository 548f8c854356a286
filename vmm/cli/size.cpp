#include "cli/size.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace twofold::vmm {

namespace {

std::string lower_case(std::string_view text) {
    std::string lower{text};
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

/// How far a unit shifts its number to the left.
std::optional<unsigned> unit_shift(std::string_view unit) {
    if (unit.empty() || unit == "b") return 0;
    constexpr std::string_view letters = "kmgt";
    auto const at = letters.find(unit.front());
    unit.remove_prefix(1);
    if (at == std::string_view::npos || !(unit.empty() || unit == "b" || unit == "ib"))
        return std::nullopt;
    return 10 * (static_cast<unsigned>(at) + 1);
}

} // namespace

std::uint64_t parse_size(std::string_view option, std::string_view text) {
    std::string const lower = lower_case(text);
    bool const hexadecimal = lower.starts_with("0x");
    char const* const begin = lower.data() + (hexadecimal ? 2 : 0);
    char const* const end = lower.data() + lower.size();
    std::uint64_t number = 0;
    auto const [rest, error] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);
    auto const shift = unit_shift({rest, end});
    if (error == std::errc::invalid_argument || !shift) {
        throw UsageError{fmt::format("{}: '{}' is not a size; write bytes or a number with K, M or "
                                     "G, such as 64M",
                                     option, text)};
    }
    if (error != std::errc{} || number > std::numeric_limits<std::uint64_t>::max() >> *shift)
        throw UsageError{fmt::format("{}: {} takes more than 64 bits", option, text)};
    return number << *shift;
}

PageSize parse_page_size(std::string_view option, std::string_view text) {
    std::string const lower = lower_case(text);
    if (lower == "4k") return page_4k;
    if (lower == "2m") return page_2m;
    if (lower == "1g") return page_1g;
    throw UsageError{
        fmt::format("{}: '{}' is not a page size; there are 4k, 2m and 1g", option, text)};
}

std::chrono::milliseconds parse_seconds(std::string_view option, std::string_view text) {
    constexpr double longest = 366.0 * 24 * 3600;
    double seconds = 0;
    auto const [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || rest != text.data() + text.size() || !(seconds >= 0) ||
        seconds > longest) {
        throw UsageError{fmt::format("{}: '{}' is not a time; write seconds, 0 for no limit, at "
                                     "most a year",
                                     option, text)};
    }
    return std::chrono::milliseconds{std::llround(std::ceil(seconds * 1000))};
}

} // namespace twofold::vmm
