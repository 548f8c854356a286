// The life of one guest, from its place in the bundle to its last frame.
#pragma once

#include "hv/boot/bundle.hpp"
#include "hv/boot/machine.hpp"
#include "hv/vmx/capabilities.hpp"

#include <twofold/memory/frame_pool.hpp>

#include <cstdint>

namespace twofold::hv {

/// What guests are run with.
struct Host {
    Machine const& machine;
    VmxCapabilities const& capabilities;
    FramePool& pool;
    /// A frame for the VMCS of the guest that runs.
    Hpa vmcs;
    /// Ticks that count as one second for time limits.
    std::uint64_t ticks_per_second;
};

/// Loads guest number `index`, runs it to its end and reports both. All frames are the pool's again
/// afterwards.
void run_guest_from(Host const& host, Bundle const& bundle, std::uint32_t index);

} // namespace twofold::hv
