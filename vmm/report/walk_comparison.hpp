// The hypervisor's walk against what the emulated processor read.
#pragma once

#include "engine/bochs_trace.hpp"
#include "report/record.hpp"

#include <span>
#include <string>

namespace twofold::vmm {

struct WalkComparison {
    /// References that were compared and are equal.
    std::size_t equal = 0;
    /// What differs first; empty when nothing does.
    std::string difference;
};

/// Compares each walk with the window of the same position, reference by reference: dimension,
/// level, address and entry, in order, and their number. Nothing is masked.
WalkComparison compare_walks(std::span<record::Walk const> walks,
                             std::span<TraceWindow const> windows);

} // namespace twofold::vmm
