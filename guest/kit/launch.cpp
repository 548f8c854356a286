#include "guest/kit/launch.hpp"

#include <algorithm>
#include <array>

namespace twofold::guest {

namespace {

constinit abi::LaunchInfo kept{};
constinit std::array<std::string_view, 64> kept_arguments{};
constinit std::size_t argument_count = 0;
constinit std::uint64_t kept_tick = 0;

} // namespace

abi::LaunchInfo const& launch() { return kept; }
Arguments arguments() { return Arguments{kept_arguments}.first(argument_count); }
std::uint64_t first_tick() { return kept_tick; }

bool accept_launch(abi::LaunchInfo const& info, std::uint64_t tick) {
    if (info.magic != abi::LaunchInfo::expected_magic) return false;
    kept = info;
    kept_tick = tick;
    std::string_view rest{reinterpret_cast<char const*>(info.command_line),
                          info.command_line_bytes};
    while (argument_count < kept_arguments.size()) {
        auto const end = std::min(rest.find('\0'), rest.size());
        kept_arguments[argument_count++] = rest.substr(0, end);
        if (end == rest.size()) return true;
        rest.remove_prefix(end + 1);
    }
    return false;
}

} // namespace twofold::guest
