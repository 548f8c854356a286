// The loop of `twofold bench chase`: each load needs the one before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::vmm {

/// Follows `steps` pointers, 1 or more, from `first` on. Returns where it ended.
extern "C" std::uint64_t twofold_chase(std::uint64_t first, std::uint64_t steps);

/// The machine code of twofold_chase, which runs at any address; for a guest.
std::span<std::byte const> chase_code();

} // namespace twofold::vmm
