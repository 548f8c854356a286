// What guests are run with.
#pragma once

#include "hv/boot/machine.hpp"
#include "hv/vm/memory_policy.hpp"
#include "hv/vmx/capabilities.hpp"

#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/zeroed_stock.hpp>

#include <cstdint>

namespace twofold::hv {

struct Host {
    Machine const& machine;
    VmxCapabilities const& capabilities;
    FramePool& pool;
    /// For guests that ask for it; filled while none runs.
    ZeroedStock& stock;
    /// Ticks that count as one second for time limits.
    std::uint64_t ticks_per_second;
    /// What the launch says of memory as a whole.
    abi::MemoryRecord const& wanted;
    /// Nothing unless the launch limits frames, swaps, or states an over-commit policy.
    MemoryPolicy* policy;
    /// Nothing unless the launch asks for some of it; then there is a policy as well.
    Upkeep* upkeep;
};

} // namespace twofold::hv
