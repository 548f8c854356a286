// What all engines that emulate a machine have to decide before they start it.
#pragma once

#include "image/launch_plan.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace twofold::vmm {

/// The disk image for a plan: reads the hypervisor and appends the bundle.
std::vector<std::byte> image_for(LaunchPlan const& plan, std::filesystem::path const& hypervisor,
                                 std::uint64_t ticks_per_second);

/// When to stop waiting for an emulator that should long have stopped the guests itself: three
/// times their limits and 15 s. 0 (never) when a guest has no limit.
std::chrono::milliseconds wall_clock_limit(LaunchPlan const& plan);

/// Throws Failure if a machine of `bytes` is larger than `largest`, or than the memory that this
/// machine has left.
void check_machine_memory(std::uint64_t bytes, std::uint64_t largest);

/// Bytes of memory that the system can still give away, if it says so.
std::optional<std::uint64_t> available_memory();

} // namespace twofold::vmm
