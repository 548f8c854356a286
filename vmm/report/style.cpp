#include "report/style.hpp"

#include <fmt/format.h>

#include <array>

namespace twofold::vmm {

std::string Style::with(std::string_view code, std::string_view text) const {
    if (!colour_) return std::string{text};
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3; at -= 3)
        text.insert(at - 3, ",");
    return text;
}

std::string byte_size(std::uint64_t bytes) {
    struct Unit {
        unsigned shift;
        std::string_view name;
    };
    constexpr std::array<Unit, 3> units{{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}}};
    for (auto const& unit : units) {
        std::uint64_t const one = std::uint64_t{1} << unit.shift;
        if (bytes >= one && bytes % one == 0)
            return fmt::format("{} {}", grouped(bytes >> unit.shift), unit.name);
    }
    return fmt::format("{} bytes", grouped(bytes));
}

} // namespace twofold::vmm
