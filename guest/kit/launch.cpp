#include "guest/kit/launch.hpp"

#include <algorithm>
#include <array>

namespace twofold::guest {

namespace {

constinit std::array<std::string_view, 64> kept_arguments{};
constinit std::size_t argument_count = 0;
constinit std::uint64_t kept_tick = 0;

constexpr abi::LaunchInfo none_yet{};

} // namespace

/// Where the loader left it: memory that is not for the guest's use.
constinit abi::LaunchInfo const* detail::kept_launch = &none_yet;

Arguments arguments() { return Arguments{kept_arguments}.first(argument_count); }
std::uint64_t first_tick() { return kept_tick; }

bool accept_launch(abi::LaunchInfo const& info, std::uint64_t tick) {
    if (info.magic != abi::LaunchInfo::expected_magic) return false;
    detail::kept_launch = &info;
    kept_tick = tick;
    std::string_view rest{reinterpret_cast<char const*>(info.command_line),
                          info.command_line_bytes};
    for (std::size_t place = 0; place < kept_arguments.size(); ++place) {
        auto const end = std::min(rest.find('\0'), rest.size());
        kept_arguments[place] = rest.substr(0, end);
        argument_count = place + 1;
        if (end == rest.size()) return true;
        rest.remove_prefix(end + 1);
    }
    return false;
}

} // namespace twofold::guest
