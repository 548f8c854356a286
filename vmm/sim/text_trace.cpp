#include "sim/text_trace.hpp"

#include <charconv>

namespace twofold::vmm {

namespace {

/// A hexadecimal number that ends at `end`, or with the text.
std::optional<Gva> hexadecimal_address(std::string_view text, char end) {
    std::uint64_t value = 0;
    auto const* const last = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), last, value, 16);
    if (error != std::errc{} || (stop != last && *stop != end)) return std::nullopt;
    return Gva{value};
}

bool is_blank_or_comment(std::string_view line) {
    auto const first = line.find_first_not_of(" \t\r");
    return first == std::string_view::npos || line[first] == '#';
}

} // namespace

std::optional<TraceAccess> parse_lackey_line(std::string_view line) {
    // "I  ADDRESS,SIZE", " L ADDRESS,SIZE", " S ..." or " M ...".
    if (line.size() < 5 || line[2] != ' ') return std::nullopt;
    auto const gva = hexadecimal_address(line.substr(3), ',');
    if (!gva) return std::nullopt;
    if (line.starts_with("I ")) return TraceAccess{*gva, Access::execute};
    if (line.starts_with(" L")) return TraceAccess{*gva, Access::read};
    if (line.starts_with(" S") || line.starts_with(" M")) return TraceAccess{*gva, Access::write};
    return std::nullopt;
}

std::optional<TraceAccess> parse_own_line(std::string_view line) {
    if (line.size() < 3 || line[1] != ' ') return std::nullopt;
    std::string_view number = line.substr(2);
    if (number.starts_with("0x") || number.starts_with("0X")) number.remove_prefix(2);
    auto const gva = hexadecimal_address(number, '\r');
    if (!gva) return std::nullopt;
    switch (line[0]) {
    case 'r': return TraceAccess{*gva, Access::read};
    case 'w': return TraceAccess{*gva, Access::write};
    case 'x': return TraceAccess{*gva, Access::execute};
    default: return std::nullopt;
    }
}

std::size_t TextTrace::next(std::span<TraceAccess> batch) {
    std::size_t count = 0;
    std::string_view line;
    while (count < batch.size() && window_.next_line(line)) {
        if (kind_ == Kind::lackey) {
            if (auto const access = parse_lackey_line(line)) batch[count++] = *access;
            continue;
        }
        if (is_blank_or_comment(line)) continue;
        auto const access = parse_own_line(line);
        if (!access) throw window_.wrong("neither \"r ADDRESS\", \"w ADDRESS\" nor \"x ADDRESS\"");
        batch[count++] = *access;
    }
    return count;
}

} // namespace twofold::vmm
