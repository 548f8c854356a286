// What went wrong with a guest's memory, for messages.
#pragma once

#include <twofold/memory/guest_space.hpp>

#include <string_view>

namespace twofold::hv {

inline std::string_view text_of(SpaceError error) {
    switch (error) {
    case SpaceError::outside_memory: return "it lies outside the guest's memory";
    case SpaceError::out_of_frames:
        return "this machine has no free frame left; give the machine more memory, or the guest "
               "less";
    case SpaceError::denied: return "the mapping forbids it";
    case SpaceError::bad_memory_size:
        return "the memory size is not a multiple of the EPT page, or too large";
    case SpaceError::bad_page_size: return "EPT has no page of that size";
    case SpaceError::swap_failed: return "the swap device does not give the page back";
    case SpaceError::shootdown_pending:
        return "other processors have not invalidated what they hold of the guest yet";
    case SpaceError::over_committed:
        return "the over-commit policy allows no such promise: frames and swap together are too "
               "few "
               "for what guests were told that they have";
    }
    return "";
}

/// Of a guest that stops for it, as abi/report.hpp has it.
inline std::string_view stop_reason_of(SpaceError error) {
    switch (error) {
    case SpaceError::out_of_frames:
    case SpaceError::over_committed: return "out_of_frames";
    case SpaceError::swap_failed: return "swap_failed";
    case SpaceError::shootdown_pending: return "shootdown_pending";
    case SpaceError::denied: return "denied";
    case SpaceError::outside_memory:
    case SpaceError::bad_memory_size:
    case SpaceError::bad_page_size: return "outside_memory";
    }
    return "";
}

} // namespace twofold::hv
