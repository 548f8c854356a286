// The performance events that tell of page walks, and which dimension each has in it.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

struct WalkEvent {
    /// As tables show it, "TLB misses", and what it is counted in, "misses".
    std::string_view name;
    std::string_view unit;
    /// As perf_event_open takes them.
    std::uint32_t type;
    std::uint64_t config;
    /// What is in it, with the dimensions.
    std::string_view meaning;
};

/// What CPUID says of a processor.
struct ProcessorSignature {
    /// "GenuineIntel".
    std::string vendor;
    /// With the extended fields (Intel SDM vol. 2, "CPUID", "Version Information").
    unsigned family;
    unsigned model;
};

ProcessorSignature this_processor();

/// Loads that miss the TLB, which the kernel knows of each processor; and the cycles of walks, on
/// processors for which the maker says which dimension is in them.
std::vector<WalkEvent> walk_events(ProcessorSignature const& processor);

} // namespace twofold::vmm
