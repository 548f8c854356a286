#include "report/run_report.hpp"

#include "report/fields.hpp"
#include "report/record_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm {

bool RunReport::add_line(std::string_view line) {
    if (end_) throw MalformedRecord{"a line after the record \"end\""};
    std::visit([this](auto&& record) { add(std::forward<decltype(record)>(record)); },
               parse_record(line));
    return !end_;
}

std::optional<std::uint64_t> RunReport::ticks_to_first_guest() const { return first_start_; }

std::optional<std::uint64_t> RunReport::ticks_to_make_first_guest() const {
    auto const all = ticks_to_first_guest();
    if (!all || !boot_) return std::nullopt;
    std::uint64_t before = 0;
    for (auto const& phase : boot_->phases)
        before += phase.ticks;
    return *all - std::min(before, *all);
}

GuestReport& RunReport::running(std::uint64_t guest, char const* kind) {
    auto const found = std::ranges::lower_bound(guests_, guest, {}, &GuestReport::number);
    if (found == guests_.end() || found->number != guest || found->stop) {
        throw MalformedRecord{
            fmt::format("{}.guest is {}, and that guest does not run", kind, guest)};
    }
    return *found;
}

GuestReport& RunReport::insert(GuestReport guest) {
    auto const place = std::ranges::lower_bound(guests_, guest.number, {}, &GuestReport::number);
    if (place != guests_.end() && place->number == guest.number)
        throw MalformedRecord{fmt::format("guest {} starts a second time", guest.number)};
    return *guests_.insert(place, std::move(guest));
}

void RunReport::add(record::Boot boot) {
    if (boot_) throw MalformedRecord{"a second record \"boot\""};
    boot_ = std::move(boot);
}

void RunReport::add(record::SwapDisk disk) {
    if (swap_disk_) throw MalformedRecord{"a second record \"swap_disk\""};
    swap_disk_ = disk;
}

void RunReport::add(record::CapabilityMissing missing) { missing_.push_back(std::move(missing)); }

void RunReport::add(record::GuestStart start) {
    std::uint64_t const number = start.guest;
    std::string const name = start.name;
    if (!first_start_) first_start_ = start.ticks_to_entry;
    insert({number, name, std::move(start), {}, {}, {}, std::nullopt});
}

void RunReport::add(record::Walk walk) {
    auto& guest = running(walk.guest, "walk");
    guest.walks.push_back(std::move(walk));
}

void RunReport::add(record::Paging paging) {
    auto& guest = running(paging.guest, "paging");
    if (guest.paging) throw MalformedRecord{"a second record \"paging\" of one guest"};
    guest.paging = paging;
}

void RunReport::add(record::TablePage page) {
    auto& guest = running(page.guest, "table");
    if (!guest.paging || guest.tables_end)
        throw MalformedRecord{"a record \"table\" outside \"paging\" and \"tables_end\""};
    guest.tables.push_back(page);
}

void RunReport::add(record::TablesEnd end) {
    auto& guest = running(end.guest, "tables_end");
    if (!guest.paging) throw MalformedRecord{"a record \"tables_end\" without \"paging\""};
    guest.tables_end = end;
}

void RunReport::add(record::Figure figure) {
    auto& guest = running(figure.guest, "figure");
    guest.figures.push_back(std::move(figure));
}

void RunReport::add(record::EptProbe probe) {
    auto& guest = running(probe.guest, "ept_probe");
    guest.probes.push_back(std::move(probe));
}

void RunReport::add(record::Merge merge) { running(merge.guest, "merge").merges.push_back(merge); }

void RunReport::add(record::WorkingSet found) {
    running(found.guest, "working_set").working_sets.push_back(found);
}

void RunReport::add(record::DirtyPages found) {
    running(found.guest, "dirty_pages").dirty_pages.push_back(found);
}

void RunReport::add(record::DirtyLog log) {
    auto& guest = running(log.guest, "dirty_log");
    if (guest.dirty_log) throw MalformedRecord{"a second record \"dirty_log\" of one guest"};
    if (guest.dirty_pages.size() != log.intervals)
        throw MalformedRecord{"a record \"dirty_log\" of other intervals than were reported"};
    guest.dirty_log = std::move(log);
}

void RunReport::add(record::GuestStop stop) {
    // A guest that can't be loaded stops without having started.
    bool const known =
        std::ranges::find(guests_, stop.guest, &GuestReport::number) != guests_.end();
    auto& guest = known ? running(stop.guest, "guest_stop")
                        : insert({stop.guest, stop.name, std::nullopt, {}, {}, {}, std::nullopt});
    guest.stop = std::move(stop);
}

void RunReport::add(record::Memory memory) {
    // The hypervisor has one pool of frames; under KVM each guest has frames of its own.
    bool const one_a_guest = boot_ && boot_->origin == record::ReportOrigin::kvm;
    if (memory_ && !one_a_guest) throw MalformedRecord{"a second record \"memory\""};
    if (memory_) return record::add(*memory_, memory);
    memory_ = std::move(memory);
}
void RunReport::add(record::Audit audit) { audits_.push_back(std::move(audit)); }
void RunReport::add(record::Error error) { errors_.push_back(std::move(error)); }
void RunReport::add(record::Panic panic) { panic_ = std::move(panic); }
void RunReport::add(record::End end) { end_ = end; }

} // namespace twofold::vmm
