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
    }
    return "";
}

} // namespace twofold::hv
