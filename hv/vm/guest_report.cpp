#include "hv/vm/guest_report.hpp"

#include "hv/device/serial_ports.hpp"
#include "hv/vm/guest_paging.hpp"
#include "hv/vm/scheduler.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/table_records.hpp>
#include <twofold/abi/walk_record.hpp>

namespace twofold::hv {

namespace {

using abi::hex;
using abi::JsonLine;

template <class Line>
void put_exits(Line& line, Guest const& guest) {
    auto exits = line.object("exits");
    // Several reasons share a name; each name is written once, where it comes first.
    for (unsigned reason = 0; reason < vm_exit_reasons; ++reason) {
        auto const name = name_of(static_cast<VmExitReason>(reason));
        std::uint64_t sum = 0;
        bool first = true;
        for (unsigned other = 0; other < vm_exit_reasons; ++other) {
            if (name_of(static_cast<VmExitReason>(other)) != name) continue;
            sum += guest.exits[other];
            first = first && other >= reason;
        }
        if (first && sum > 0) exits(name, sum);
    }
}

template <class Line>
void put_violations(Line& line, ViolationStatistics const& violations) {
    bool const any = violations.reads + violations.writes + violations.executes > 0;
    line.object("violations")("read", violations.reads)("write", violations.writes)(
        "execute", violations.executes)("during_walk", violations.during_walk)(
        "during_delivery", violations.during_delivery)("ticks", violations.ticks)(
        "ticks_min", any ? violations.ticks_min : 0)("ticks_max", violations.ticks_max);
}

/// Left out where there is nothing to say.
template <class Line>
void put_reclaim(Line& line, Guest const& guest) {
    SpaceStatistics const& done = guest.space.statistics();
    if (!guest.scheduler.host().wanted.limits() && done.released == 0) return;
    line.object("reclaim")("swapped_out", done.swapped_out)("swapped_in", done.swapped_in)(
        "released", done.released);
}

template <class Line>
void put_upkeep(Line& line, Guest const& guest) {
    SpaceStatistics const& done = guest.space.statistics();
    if (guest.scheduler.host().upkeep == nullptr) return;
    line.object("upkeep")("merged", done.merged)("copied", done.copied)(
        "taken_over", done.taken_over)("promoted", done.promoted)("split", done.split);
}

} // namespace

void report_guest_start(Guest const& guest, std::uint64_t ticks_to_entry) {
    abi::GuestRecord const& record = guest.record;
    JsonLine line{report};
    line("record", "guest_start")("guest", guest.index)("name", guest.name)(
        "memory_bytes", record.memory_bytes)("guest_page",
                                             hex(std::uint64_t{1} << record.guest_page_shift))(
        "host_page", hex(std::uint64_t{1} << record.host_page_shift))(
        "populate", record.populate == abi::Populate::lazy ? "lazy" : "eager")("native", false)(
        "ticks_to_entry", ticks_to_entry);
    if (guest.parent) line("cloned_from", *guest.parent);
}

void report_walk(std::uint32_t guest, Gva gva, PagingMode mode, ReferenceList const& references,
                 std::expected<NestedTranslation, NestedFault> const& result) {
    JsonLine line{report};
    abi::put_walk(line, guest, gva, mode, references.all(), result);
}

void report_tables(Guest& guest) {
    with_guest_paging(guest, [&](auto const& format, auto const& root) {
        abi::record_tables(guest.index, format, root, second_dimension(guest), [](auto&& write) {
            JsonLine line{report};
            write(line);
        });
    });
}

void report_figure(std::uint32_t guest, std::string_view name, std::uint64_t ticks) {
    JsonLine{report}("record", "figure")("guest", guest)("name", name)("unit", "ticks")("value",
                                                                                        ticks);
}

void report_guest_stop(Guest const& guest, std::uint64_t rip) {
    JsonLine line{report};
    line("record", "guest_stop")("guest", guest.index)("name", guest.name)("reason",
                                                                           guest.stop->reason)(
        "code", std::uint32_t{guest.stop->code})("message", guest.stop->message.text())(
        "rip", hex(rip))("ticks", guest.ticks_run)("turns", guest.turns);
    put_exits(line, guest);
    line.object("policy")("unknown_ports", guest.unknown_ports)("unknown_msrs", guest.unknown_msrs);
    line.object("frames")("memory", guest.space.memory_frames())(
        "tables", guest.space.table_frames())("in_use", guest.scheduler.host().pool.frames_used());
    put_violations(line, guest.violations);
    put_reclaim(line, guest);
    put_upkeep(line, guest);
}

void report_working_set(Guest const& guest, Space::WorkingSet const& found) {
    JsonLine{report}("record", "working_set")("guest", guest.index)("pages", found.pages)(
        "shared_pages", found.shared_pages);
}

void report_dirty_pages(Guest const& guest, std::uint64_t interval, DirtyPages const& found,
                        std::uint64_t ticks) {
    JsonLine{report}("record", "dirty_pages")("guest", guest.index)("interval", interval)(
        "pages", found.count)("digest", hex(found.digest))("ticks_run", guest.ticks_run)("ticks",
                                                                                         ticks);
}

void report_dirty_log(Guest const& guest, abi::DirtyLogging means, DirtyPages const& all,
                      std::uint64_t exits) {
    JsonLine{report}("record", "dirty_log")("guest", guest.index)("means", name_of(means))(
        "intervals", guest.dirty->collections)("pages", all.count)("digest", hex(all.digest))(
        "exits", exits)("ticks", guest.dirty->ticks);
}

void report_merge(Guest const& guest, OfferedPages const& offered) {
    JsonLine line{report};
    Merging const& done = offered.done;
    line("record", "merge")("guest", guest.index)("gpa", hex(offered.from))("pages", offered.pages)(
        "hashed", done.hashed)("merged", done.merged)("zeroed", done.zeroed);
    line.object("frames")("before", offered.frames_before)("after", offered.frames_after);
}

void report_load_error(std::uint32_t index, std::string_view name, std::string_view message) {
    JsonLine{report}("record", "guest_stop")("guest", index)("name", name)("reason", "load_error")(
        "code", 1U)("message", message);
}

} // namespace twofold::hv
