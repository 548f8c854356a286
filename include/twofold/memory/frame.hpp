// What the pool knows of one frame of host memory.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace twofold {

/// Blocks are powers of two frames: order 0 is 4 KiB, 9 is 2 MiB, 18 is 1 GiB.
inline constexpr unsigned largest_order = 18;

constexpr unsigned order_of(PageSize size) { return size.shift() - page_4k.shift(); }
static_assert(order_of(page_2m) == 9 && order_of(page_1g) == largest_order);

using FreeHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

/// One 4 KiB frame. Meaningful at the head of a block only.
struct Frame : FreeHook {
    enum class State : std::uint8_t {
        /// No memory that the pool owns.
        absent,
        free,
        allocated,
        /// It was free, and something had a reference to it: nobody gets it any more.
        withheld,
    };

    State state = State::absent;
    std::uint8_t order = 0;
    /// What an audit has found so far; 0 while there is none. Of any frame, not of heads only.
    std::uint8_t seen = 0;
};

} // namespace twofold
