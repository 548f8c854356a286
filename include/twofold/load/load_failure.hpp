// Why a guest was not loaded.
#pragma once

#include <twofold/load/load_error.hpp>

#include <optional>

namespace twofold {

/// `cause` comes with LoadErrorKind::memory_failed only.
template <class MemoryError>
struct LoadFailure {
    LoadError error;
    std::optional<MemoryError> cause = std::nullopt;
};

} // namespace twofold
