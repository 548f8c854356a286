// What has references to frames and to swap slots: the guests' spaces, and what the hypervisor
// keeps of its own.
#include "hv/report.hpp"
#include "hv/vm/scheduler.hpp"

#include <twofold/memory/frame_audit.hpp>

namespace twofold::hv {

namespace {

void show(DirtyLogging const& dirty, FrameAudit& audit) {
    audit.own(Hpa{reinterpret_cast<std::uint64_t>(&dirty)});
    audit.own(dirty.block, dirty.block_level);
    if (dirty.processor_log) audit.own(*dirty.processor_log);
}

void show(Guest& guest, FrameAudit& audit) {
    audit.space(guest.space);
    audit.own(Hpa{reinterpret_cast<std::uint64_t>(&guest)});
    audit.own(guest.vmcs);
    if (guest.dirty != nullptr) show(*guest.dirty, audit);
}

} // namespace

void Scheduler::audit() {
    SwapArea* const swap = host_.policy != nullptr ? host_.policy->swap_area() : nullptr;
    report_audit(FrameAudit{host_.pool, swap}.run([&](FrameAudit& audit) {
        for (Guest& guest : guests_)
            show(guest, audit);
        for (Hpa const frame : host_.stock.frames())
            audit.own(frame);
        if (host_.policy != nullptr) {
            for (Hpa const frame : host_.policy->reserve())
                audit.own(frame);
        }
        if (host_.upkeep != nullptr && host_.upkeep->zero_frame())
            audit.shared(*host_.upkeep->zero_frame());
    }));
}

} // namespace twofold::hv
