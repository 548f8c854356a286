// What a processor's caches leave of a recorded walk, by the model over the walk's own entries.
#pragma once

#include "report/record.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// Caches, and what happened before the access that is shown.
struct CacheState {
    /// For people: what a list to choose from shows, and a sentence about it.
    std::string_view name;
    std::string_view description;
};

/// All states; the first is that of a processor that caches nothing.
std::span<CacheState const> cache_states();

/// For each reference of the recorded walk, in its order, by what an access in that state gets it:
/// "read" for a read of memory, else the cache that makes the read needless. `walk` must be a whole
/// walk of two dimensions, 4-level tables in each; Failure is thrown otherwise.
std::vector<std::string> served_by(record::Walk const& walk, std::size_t state);

} // namespace twofold::vmm
