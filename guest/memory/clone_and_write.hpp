// What must write no memory of its own, for every write after a clone un-shares something.
#pragma once

#include <cstdint>

namespace twofold::guest {

struct CloneTicks {
    /// Of abi::Hypercall::clone.
    std::uint64_t result;
    /// From the instruction before the call to the one behind it.
    std::uint64_t ticks;
};

/// clone_and_write.S
extern "C" CloneTicks clone_and_count();
/// Ticks from the instruction before a store to the one behind it.
extern "C" std::uint64_t ticks_of_store(std::uint64_t* to);
/// Makes `clones` clones, each of which writes to `pages` pages from `first` on; until
/// tick `end` each gives its turns up, then all of them end with 0, or with 1 where a clone could
/// not be made.
extern "C" [[noreturn]] void clone_and_write(std::uint64_t clones, std::uint64_t* first,
                                             std::uint64_t pages, std::uint64_t end);

} // namespace twofold::guest
