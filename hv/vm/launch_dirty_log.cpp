#include "hv/vm/launch_dirty_log.hpp"

#include "hv/cpu/panic.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/vm/explain_shortage.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vm/scheduler.hpp"
#include "hv/vmx/invalidate.hpp"

namespace twofold::hv {

namespace {

abi::MemoryRecord const& wanted_for(Guest const& guest) { return guest.scheduler.host().wanted; }

/// Takes what was written since the last time out of the log.
void collect(Guest& guest) {
    DirtyLogging& log = *guest.dirty;
    std::uint64_t const begin = read_ticks();
    drain_processor_log(guest);
    DirtyPages found;
    Duty const duty = guest.space.collect_dirty([&](Gpa gpa) {
        std::uint64_t const page = gpa.value() >> page_4k.shift();
        found.add(page);
        log.collected[page / 64] |= bit(static_cast<unsigned>(page % 64));
    });
    carry_out(duty, guest.ept_pointer);
    std::uint64_t const ticks = read_ticks() - begin;
    log.ticks += ticks;
    report_dirty_pages(guest, log.collections++, found, ticks);
}

void report_all(Guest const& guest) {
    DirtyLogging const& log = *guest.dirty;
    DirtyPages all;
    DirtyLog::for_each_in(log.collected, [&](Gpa gpa) { all.add(gpa.value() >> page_4k.shift()); });
    bool const by_writes = wanted_for(guest).dirty_log == abi::DirtyLogging::write_protection;
    std::uint64_t const exits =
        by_writes ? guest.space.statistics().taken_over - log.taken_over
                  : guest.exits[static_cast<unsigned>(VmExitReason::page_modification_log_full)];
    report_dirty_log(guest, wanted_for(guest).dirty_log, all, exits);
}

} // namespace

void require_dirty_logging(Host const& host) {
    bool const by_log = host.wanted.dirty_log == abi::DirtyLogging::page_modification_log;
    if (by_log && !host.capabilities.secondary.may_be_one(secondary_control::enable_pml))
        stop_with_error("the processor has no page-modification log (IA32_VMX_PROCBASED_CTLS2, bit "
                        "49): keep the dirty log by another means, or give the machine another "
                        "processor");
}

bool begin_dirty_log_of_launch(Guest& guest) {
    abi::DirtyLogging const means = wanted_for(guest).dirty_log;
    if (means == abi::DirtyLogging::off) return true;
    std::uint64_t const begin = read_ticks();
    if (!can_log_dirty(guest, means))
        return guest.end("dirty_log", 1, "its EPT has no dirty bits to keep the dirty log by");
    if (!start_dirty_logging(guest, means)) {
        return guest.end_with("out_of_frames", 1, [&](auto& sink) {
            sink("no memory for its dirty log: ");
            explain(guest, SpaceError::out_of_frames, sink);
        });
    }
    DirtyLogging& log = *guest.dirty;
    std::ranges::fill(log.collected, 0);
    log.of_the_launch = true;
    log.taken_over = guest.space.statistics().taken_over;
    log.ticks = read_ticks() - begin;
    return true;
}

void look_at_dirty_log_of_launch(Guest& guest) {
    if (guest.dirty == nullptr || !guest.dirty->of_the_launch) return;
    DirtyLogging& log = *guest.dirty;
    std::uint64_t const interval =
        wanted_for(guest).dirty_log_milliseconds * (guest.scheduler.host().ticks_per_second / 1000);
    bool const is_time = interval != 0 && guest.ticks_run - log.ticks_run >= interval;
    if (!guest.stop && !is_time) return;
    log.ticks_run = guest.ticks_run;
    collect(guest);
    if (guest.stop) report_all(guest);
}

} // namespace twofold::hv
