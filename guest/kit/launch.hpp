// What the guest was told when it started.
#pragma once

#include <twofold/abi/launch_info.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace twofold::guest {

/// The first is the guest's name.
using Arguments = std::span<std::string_view const>;

namespace detail {
extern abi::LaunchInfo const* kept_launch;
} // namespace detail

inline abi::LaunchInfo const& launch() { return *detail::kept_launch; }
Arguments arguments();
/// The tick at which the guest executed its first instruction.
std::uint64_t first_tick();

inline bool is_native() { return launch().habitat == abi::Habitat::native; }

/// Checks and keeps what start.S was given. False if it is not what abi/launch_info.hpp promises,
/// or if there are more arguments than the kit has room for.
bool accept_launch(abi::LaunchInfo const& info, std::uint64_t tick);

} // namespace twofold::guest
