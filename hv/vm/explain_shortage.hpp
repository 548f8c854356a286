// Why a guest's memory does not hold a page, with figures.
#pragma once

#include "hv/vm/scheduler.hpp"
#include "hv/vm/space_error_text.hpp"

namespace twofold::hv {

template <abi::TextSink Sink>
void explain(Guest const& guest, SpaceError error, Sink& sink) {
    switch (error) {
    case SpaceError::outside_memory:
        abi::put(sink, "the guest's memory ends at ");
        abi::put_hexadecimal(sink, guest.space.options().memory_bytes);
        return;
    case SpaceError::out_of_frames:
        abi::put(sink, "no frame is left; the guest's memory would end at ");
        abi::put_hexadecimal(sink, guest.space.options().memory_bytes);
        return guest.scheduler.explain_shortage(sink);
    case SpaceError::swap_failed:
        abi::put(sink, text_of(error));
        abi::put(sink, ": ");
        return guest.scheduler.host().policy->explain_swap_error(sink);
    default: return abi::put(sink, text_of(error));
    }
}

} // namespace twofold::hv
