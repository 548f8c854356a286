#include "report/run_text.hpp"

#include "report/memory_text.hpp"
#include "report/page_size_name.hpp"
#include "report/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

using Row = std::vector<Cell>;

Row fact(std::string name, std::string value, std::string remark = {}) {
    return {{std::move(name)}, number_cell(std::move(value)), {std::move(remark)}};
}

std::string frames_remark(std::uint64_t frames, std::string_view of) {
    return fmt::format("{}, {}", of, byte_size(frames * page_4k.bytes()));
}

void add_violations(Table& table, record::Violations const& violations) {
    std::uint64_t const total = violations.total();
    table.add(fact("EPT violations", grouped(total),
                   fmt::format("{} by read, {} by write, {} by execution; {} of them to the "
                               "guest's own page tables",
                               grouped(violations.read), grouped(violations.write),
                               grouped(violations.execute), grouped(violations.during_walk))));
    if (total == 0) return;
    table.add(fact("  ticks each, mean", grouped(violations.ticks / total),
                   fmt::format("{} the least, {} the most", grouped(violations.ticks_min),
                               grouped(violations.ticks_max))));
}

/// The largest first, those that did not occur left out.
std::vector<std::pair<std::string, std::uint64_t>>
sorted(std::map<std::string, std::uint64_t> const& counts) {
    std::vector<std::pair<std::string, std::uint64_t>> all(counts.begin(), counts.end());
    std::erase_if(all, [](auto const& one) { return one.second == 0; });
    std::ranges::sort(all, [](auto const& a, auto const& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    return all;
}

void add_userfaults(Table& table, record::Activity const& activity) {
    record::Userfaults const& faults = *activity.userfaults;
    std::uint64_t const total = faults.total();
    if (total == 0) return;
    table.add(
        fact("faults answered here", grouped(total),
             fmt::format("{} by write, {} by read or execution; the kernel answers the others",
                         grouped(faults.write), grouped(faults.read))));
    table.add(fact("  ticks each, mean", grouped(faults.ticks / total),
                   fmt::format("{} the least, {} the most", grouped(faults.ticks_min),
                               grouped(faults.ticks_max))));
    for (auto const& [ticks, count] : activity.fault_histogram)
        table.add(fact("  of " + grouped(ticks) + " ticks and more", grouped(count)));
    for (auto const& [source, pages] : sorted(activity.fault_sources))
        table.add(fact("  pages of " + source, grouped(pages), "brought in by these"));
}

void add_exits(Table& table, record::Activity const& activity) {
    std::uint64_t total = 0;
    for (auto const& [name, count] : activity.exits)
        total += count;
    table.add(fact("exits", grouped(total)));
    for (auto const& [name, count] : sorted(activity.exits))
        table.add(fact("  " + name, grouped(count)));
    for (auto const& [name, count] : sorted(activity.policy)) {
        std::string words = name;
        std::ranges::replace(words, '_', ' ');
        table.add(fact(words, grouped(count), "answered as an empty machine would"));
    }
    for (auto const& place : activity.unknown_places)
        table.add(
            fact("  " + place.place, grouped(place.reads + place.writes),
                 fmt::format("{} read, {} written", grouped(place.reads), grouped(place.writes))));
}

/// What only KVM's reports have.
void add_kernel(Table& table, record::Activity const& activity) {
    if (activity.kernel.empty()) return;
    table.add(fact("counted by the kernel", ""));
    for (auto const& [name, count] : sorted(activity.kernel))
        table.add(fact("  " + name, grouped(count)));
}

void add_resets(Table& table, record::Resets const& resets) {
    std::uint64_t const each = std::max<std::uint64_t>(resets.resets, 1);
    table.add(fact("resets", grouped(resets.resets), "each run but the last"));
    table.add(fact("  pages put back", grouped(resets.pages),
                   frames_remark(resets.pages, "of 4 KiB") +
                       fmt::format("; {} each", grouped(resets.pages / each))));
    table.add(fact("  ticks each, mean", grouped(resets.ticks / each),
                   fmt::format("{} the least, {} the most", grouped(resets.ticks_min),
                               grouped(resets.ticks_max))));
}

void add_activity(Table& table, record::Activity const& activity) {
    if (activity.violations) add_violations(table, *activity.violations);
    if (activity.userfaults) add_userfaults(table, activity);
    table.add(fact("frames for memory", grouped(activity.memory_frames),
                   frames_remark(activity.memory_frames, "of 4 KiB")));
    if (activity.shared_frames)
        table.add(fact("  shared", grouped(*activity.shared_frames),
                       frames_remark(*activity.shared_frames, "with its template; not in these")));
    if (activity.resets) add_resets(table, *activity.resets);
    if (activity.table_frames)
        table.add(fact("frames for EPT tables", grouped(*activity.table_frames),
                       frames_remark(*activity.table_frames, "of 4 KiB")));
    add_exits(table, activity);
    add_kernel(table, activity);
}

bool under_kvm(RunReport const& report) {
    return report.boot() && report.boot()->origin == record::ReportOrigin::kvm;
}

std::string launch_text(record::GuestStart const& start, bool kvm) {
    std::string text = fmt::format("{} of memory, guest pages {}", byte_size(start.memory_bytes),
                                   page_size_name(start.guest_page));
    if (start.native) return text + ", natively";
    if (start.host_page)
        text +=
            fmt::format(", {} pages {}", kvm ? "host" : "EPT", page_size_name(*start.host_page));
    text += ", " + start.populate;
    if (start.cloned_from) text += fmt::format(", cloned from guest {}", *start.cloned_from);
    return text;
}

/// Several guests may have the same name.
std::string stop_text_among_others(GuestReport const& guest, RunReport const& report,
                                   Style const& style) {
    std::string const number = report.guests().size() > 1 ? fmt::format("[{}] ", guest.number) : "";
    return number + stop_text(guest, style);
}

std::string guest_text(GuestReport const& guest, RunReport const& report, Style const& style) {
    std::string text = stop_text_among_others(guest, report, style);
    if (guest.start) text += "  " + launch_text(*guest.start, under_kvm(report)) + '\n';
    if (!guest.stop || !guest.stop->activity) return text;

    auto const& activity = *guest.stop->activity;
    bool const native = guest.start && guest.start->native;
    Table table;
    if (!native) add_activity(table, activity);
    if (guest.stop->reclaim) add_reclaim(table, *guest.stop->reclaim);
    add_working_sets(table, guest.working_sets);
    if (guest.dirty_log) add_dirty_log(table, *guest.dirty_log, guest.dirty_pages);
    if (!guest.stop->upkeep.empty()) add_upkeep(table, guest.stop->upkeep);
    table.add(fact("ticks in all", grouped(activity.ticks),
                   activity.turns == 1 ? "from its first instruction to its end"
                                       : fmt::format("in {} turns", grouped(activity.turns))));
    for (auto const& figure : guest.figures)
        table.add(fact(figure.name, grouped(figure.value), figure.unit));
    return text + table.render(2);
}

std::string start_text(RunReport const& report, Style const& style) {
    Table table;
    if (auto const ticks = report.ticks_to_first_guest())
        table.add(fact("to the guest's first instruction", grouped(*ticks), "ticks"));
    if (report.boot()) {
        for (auto const& phase : report.boot()->phases)
            table.add(fact("  " + phase.name, grouped(phase.ticks)));
    }
    if (auto const ticks = report.ticks_to_make_first_guest(); ticks && !under_kvm(report))
        table.add(fact("  make_guest", grouped(*ticks)));
    std::string const rows = table.render(2);
    if (rows.empty()) return {};
    return style.heading(under_kvm(report) ? "from the start of the engine"
                                           : "from the hypervisor's first instruction") +
           '\n' + rows;
}

} // namespace

std::string stop_text(GuestReport const& guest, Style const& style) {
    std::string const name = style.heading(guest.name) + ": ";
    if (!guest.stop) return name + style.bad("never stopped") + '\n';
    record::GuestStop const& stop = *guest.stop;
    if (stop.reason == "exit") {
        std::string const how = fmt::format("exit {}", stop.code);
        return name + (stop.code == 0 ? style.good(how) : style.bad(how)) + '\n';
    }
    std::string how = stop.reason;
    std::ranges::replace(how, '_', ' ');
    std::string text = name + (stop.code == 0 ? style.good(how) : style.bad(how));
    if (stop.code != 0 && stop.activity) text += fmt::format(" at rip {:#x}", stop.activity->rip);
    if (!stop.message.empty()) text += ": " + stop.message;
    return text + '\n';
}

std::string missing_capabilities_text(RunReport const& report, Style const& style) {
    std::string text;
    for (auto const& missing : report.missing()) {
        text += fmt::format("{} {} ({}): {}\n", style.bad("missing:"), missing.capability,
                            missing.where, missing.meaning);
    }
    return text;
}

std::string broken_off_text(RunReport const& report, Style const& style) {
    std::string text;
    for (auto const& guest : report.guests())
        if (!guest.stop || (guest.stop->reason != "exit" && guest.stop->code != 0))
            text += stop_text_among_others(guest, report, style);
    return text;
}

std::string run_text(RunReport const& report, Style const& style) {
    std::string text;
    for (auto const& guest : report.guests())
        text += guest_text(guest, report, style);
    text += memory_text(report.swap_disk(), report.memory(), report.audits(), style);
    return text + start_text(report, style);
}

} // namespace twofold::vmm
