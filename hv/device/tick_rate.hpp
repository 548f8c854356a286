// How fast the time-stamp counter runs.
#pragma once

#include <cstdint>

namespace twofold::hv {

/// Ticks a second, measured against channel 2 of the PIT for 10 milliseconds. Never 0.
std::uint64_t measure_ticks_per_second();

} // namespace twofold::hv
