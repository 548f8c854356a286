#include "hv/vm/scheduler.hpp"

#include "hv/cpu/tick.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vm/launch_dirty_log.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/invalidate.hpp"

#include <algorithm>
#include <utility>

/// enter.S
extern "C" bool run_guest(twofold::hv::Guest* guest, twofold::hv::Registers const* registers,
                          bool launch);

namespace twofold::hv {

auto Scheduler::allocate_guest() -> std::expected<GuestFrames, SpaceError> {
    GuestFrames frames;
    if (!host_.pool.take(frames.guest)) return std::unexpected(SpaceError::out_of_frames);
    if (host_.pool.take(frames.vmcs)) return frames;
    host_.pool.release(frames.guest);
    return std::unexpected(SpaceError::out_of_frames);
}

void Scheduler::free_guest(GuestFrames const& frames) {
    host_.pool.release(frames.vmcs);
    host_.pool.release(frames.guest);
}

void Scheduler::add(Guest& guest) { guests_.push_back(guest); }

/// A guest that is being loaded has run nowhere yet, and a processor knows nothing of it.
void Scheduler::carry_out_for(Space const& space, Duty duty) {
    auto const guest =
        std::ranges::find_if(guests_, [&](Guest const& one) { return &one.space == &space; });
    if (guest != guests_.end()) carry_out(duty, guest->ept_pointer);
}

bool Scheduler::make_room() {
    if (host_.policy == nullptr) return false;
    return host_.policy->make_room(
               [this](Space const& space, Duty duty) { carry_out_for(space, duty); }) > 0;
}

void Scheduler::do_upkeep() {
    if (host_.upkeep == nullptr) return;
    host_.upkeep->work([this](Space const& space, Duty duty) { carry_out_for(space, duty); });
}

void Scheduler::use_idle_time(bool yielded) {
    yields_ = yielded ? yields_ + 1 : 0;
    if (!yielded || !uses_idle_time() || yields_ < guests_.size()) return;
    yields_ = 0;
    std::uint64_t const end = read_ticks() + host_.ticks_per_second / 100;
    std::uint64_t const passes = host_.upkeep->passes();
    do {
        do_upkeep();
    } while (host_.upkeep->passes() == passes && read_ticks() < end);
}

std::uint64_t Scheduler::look_at_working_set(Guest& guest) {
    auto const found = guest.space.working_set();
    carry_out(found.duty, guest.ept_pointer);
    report_working_set(guest, found);
    return found.pages;
}

void Scheduler::look_at_working_set_of(Guest& guest) {
    std::uint64_t const milliseconds = host_.wanted.working_set_milliseconds;
    if (milliseconds == 0 || !guest.sets_accessed_dirty()) return;
    std::uint64_t const interval = milliseconds * (host_.ticks_per_second / 1000);
    if (!guest.stop && guest.ticks_run - guest.ticks_looked_at < interval) return;
    guest.ticks_looked_at = guest.ticks_run;
    (void)look_at_working_set(guest);
}

Merging Scheduler::merge(Guest& guest, Gpa from, std::uint64_t bytes) {
    return host_.upkeep->merge(guest.space, from, bytes, [this](Space const& space, Duty duty) {
        carry_out_for(space, duty);
    });
}

void Scheduler::run() {
    while (!guests_.empty()) {
        Guest& guest = guests_.front();
        give_turn(guest);
        look_at_working_set_of(guest);
        look_at_dirty_log_of_launch(guest);
        bool const yielded = std::exchange(guest.yielded, false);
        if (guest.stop) {
            end(guest);
        } else {
            guests_.splice(guests_.end(), guests_, guests_.begin());
        }
        do_upkeep();
        use_idle_time(yielded);
    }
    (void)give_back_stock();
}

void Scheduler::refill_stock(Guest& guest) {
    if (guest.space.options().stock == nullptr) return;
    // Before the first turn all of it; later no more than a part of a turn is spent on it.
    constexpr std::uint32_t a_part = 64;
    std::uint32_t const wanted = guest.turns == 0 ? ZeroedStock::capacity : a_part;
    (void)host_.stock.refill(host_.pool, guest.space.memory(), wanted);
}

bool Scheduler::give_back_stock() {
    bool const any = host_.stock.size() > 0;
    host_.stock.drain(host_.pool);
    return any;
}

void Scheduler::switch_to(Guest& guest) {
    if (loaded_ == &guest) return;
    if (loaded_ != nullptr) loaded_->processor.save();
    (void)vmptrld(guest.vmcs);
    guest.processor.load();
    loaded_ = &guest;
}

void Scheduler::give_turn(Guest& guest) {
    switch_to(guest);
    refill_stock(guest);
    if (guest.turns++ == 0) {
        if (guest.parent || others_wait()) guest.console.share(guest.index);
        report_guest_start(guest, read_ticks() - host_.machine.boot_info.ticks_at_start);
        if (!begin_dirty_log_of_launch(guest)) return;
    }
    std::uint64_t const entered = read_ticks();
    guest.time.begin_turn(entered, takes_turns(guest));
    guest.time.set_timer(entered);
    if (!run_guest(&guest, &guest.registers, !std::exchange(guest.launched, true))) {
        guest.end_with("entry_failure", 1, [&](auto& sink) {
            sink("VM entry failed with VM-instruction error ");
            abi::put_decimal(sink, read_vmcs(VmcsField32::instruction_error));
        });
    }
    std::uint64_t const left = read_ticks();
    guest.time.end_turn(left);
    guest.ticks_run += left - entered;
}

void Scheduler::end(Guest& guest) {
    drop_probe(guest);
    stop_dirty_logging(guest);
    guest.console.flush();
    if ((guest.record.flags & abi::GuestRecord::report_tables) != 0) report_tables(guest);
    report_guest_stop(guest, read_vmcs(VmcsFieldNatural::guest_rip));
    bool const audits_each = (host_.wanted.flags & abi::MemoryRecord::audit_each) != 0;
    if (audits_each || !others_wait()) audit();
    guests_.erase(guests_.iterator_to(guest));
    remove(guest);
}

void Scheduler::remove(Guest& guest) {
    GuestFrames const frames{Hpa{reinterpret_cast<std::uint64_t>(&guest)}, guest.vmcs};
    std::uint64_t const ept_pointer = guest.ept_pointer;
    take_back(guest.record.memory_bytes);
    if (loaded_ == &guest) loaded_ = nullptr;
    guest.~Guest();
    // Nothing of it may be left in the processor when its frames become another's.
    invalidate_space(ept_pointer);
    (void)vmclear(frames.vmcs);
    free_guest(frames);
}

bool Scheduler::takes_turns(Guest const& guest) const {
    return others_wait() || guest.space.options().stock != nullptr ||
           (host_.upkeep != nullptr && host_.upkeep->works_in_background()) ||
           host_.wanted.working_set_milliseconds != 0 || host_.wanted.dirty_log_milliseconds != 0;
}

bool look_at_clock(Guest& guest) {
    end_probe(guest);
    std::uint64_t const now = read_ticks();
    if (guest.time.used_up(now))
        return guest.end("time_limit", 1, "the guest ran longer than it was allowed to");
    guest.time.set_timer(now);
    return true;
}

bool handle_timer(Guest& guest, Registers const& registers) {
    if (!look_at_clock(guest)) return false;
    inject_interrupted_event();
    if (!guest.scheduler.takes_turns(guest)) {
        guest.time.end = TimeLimit::never;
        guest.time.set_timer(read_ticks());
        return true;
    }
    if (read_ticks() < guest.time.end) return true;
    guest.registers = registers;
    return false;
}

} // namespace twofold::hv
