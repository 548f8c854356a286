#include "report/walk_comparison.hpp"

#include "report/walk_shape.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

TracedAccess as_traced(record::WalkReference const& reference) {
    return {reference.dimension, reference.level, false, reference.address, reference.entry};
}

std::string access_text(TracedAccess const& access) {
    return fmt::format("{} at {:#x} holding {:#x}", level_name(access.dimension, access.level),
                       access.address, access.entry);
}

/// The first difference between one walk and its window; empty if there is none.
std::string difference(record::Walk const& walk, TraceWindow const& window) {
    std::size_t const both = std::min(walk.references.size(), window.references.size());
    for (std::size_t at = 0; at < both; ++at) {
        auto const ours = as_traced(walk.references[at]);
        auto const& theirs = window.references[at];
        if (ours == theirs) continue;
        return fmt::format("reference {}: the walker read {}, the processor {}", at + 1,
                           access_text(ours), access_text(theirs));
    }
    if (walk.references.size() == window.references.size()) return {};
    return fmt::format("the walker read {} entries, the processor {}", walk.references.size(),
                       window.references.size());
}

} // namespace

WalkComparison compare_walks(std::span<record::Walk const> walks,
                             std::span<TraceWindow const> windows) {
    WalkComparison comparison;
    if (walks.empty()) comparison.difference = "the guest asked for no walk";
    if (walks.size() != windows.size()) {
        comparison.difference =
            fmt::format("walks reported: {}; windows that the guest opened for the "
                        "processor's: {}",
                        walks.size(), windows.size());
    }
    for (std::size_t at = 0; at < walks.size() && comparison.difference.empty(); ++at) {
        auto const found = difference(walks[at], windows[at]);
        if (found.empty()) {
            comparison.equal += walks[at].references.size();
        } else {
            comparison.difference =
                fmt::format("walk {} of gva {:#x}: {}", at + 1, walks[at].gva, found);
        }
    }
    return comparison;
}

} // namespace twofold::vmm
