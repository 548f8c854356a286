#include "report/memory_text.hpp"

#include <twofold/arch/page_size.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm {

namespace {

std::vector<Cell> count_row(std::string name, std::uint64_t count, std::string remark) {
    return {{std::move(name)}, number_cell(grouped(count)), {std::move(remark)}};
}

std::string in_bytes(std::uint64_t pages) { return byte_size(pages * page_4k.bytes()); }

std::string policy_text(std::uint64_t percent) {
    if (percent == 0) return "over-commit: always";
    if (percent == 100) return "over-commit: never";
    return fmt::format("over-commit: {} % of frames and swap", percent);
}

void add_swap(Table& table, record::Swap const& swap) {
    table.add(count_row("swap disk", swap.pages,
                        fmt::format("pages, {}; {} in use at most", in_bytes(swap.pages),
                                    grouped(swap.used_most))));
    table.add(count_row("  written", swap.written, "pages"));
    table.add(count_row("  read", swap.read, "pages"));
    if (swap.split != 0) table.add(count_row("  split", swap.split, "large pages, to swap them"));
    if (!swap.error.empty()) table.add({{"  failed"}, {}, {swap.error}});
}

void add_memory(Table& table, record::Memory const& memory) {
    table.add(count_row("frames", memory.frames,
                        fmt::format("of 4 KiB, {}{}", in_bytes(memory.frames),
                                    memory.frames_limit != 0 ? ", by --frames-limit" : "")));
    table.add(count_row("  promised at most", memory.promised_most,
                        policy_text(memory.overcommit_percent)));
    table.add(count_row("  reclaimed", memory.reclaimed,
                        fmt::format("in {} goes, {} ticks", grouped(memory.reclaims),
                                    grouped(memory.reclaim_ticks))));
    if (memory.swap) add_swap(table, *memory.swap);
}

std::uint64_t of(std::map<std::string, std::uint64_t> const& counts, char const* name) {
    auto const found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
}

void add_merging(Table& table, std::map<std::string, std::uint64_t> const& merge) {
    table.add(count_row("pages merged", of(merge, "merged") + of(merge, "zeroed"),
                        fmt::format("{} of them zeros; {} looked at, {} times all of memory, {} "
                                    "ticks",
                                    grouped(of(merge, "zeroed")), grouped(of(merge, "hashed")),
                                    grouped(of(merge, "passes")), grouped(of(merge, "ticks")))));
}

void add_promoting(Table& table, std::map<std::string, std::uint64_t> const& promote) {
    table.add(count_row("large pages made", of(promote, "promoted"),
                        fmt::format("{} of them of pages that lay apart; {} tables looked at, {} "
                                    "ticks",
                                    grouped(of(promote, "moved")), grouped(of(promote, "looked")),
                                    grouped(of(promote, "ticks")))));
}

void add_audits(Table& table, std::vector<record::Audit> const& audits) {
    std::uint64_t mismatches = 0;
    std::uint64_t slots = 0;
    std::uint64_t most_used = 0;
    std::uint64_t slot_mismatches = 0;
    for (auto const& audit : audits) {
        mismatches += audit.mismatches;
        if (!audit.slots) continue;
        slots = audit.slots->audited;
        most_used = std::max(most_used, audit.slots->used);
        slot_mismatches += audit.slots->mismatches;
    }
    table.add(count_row(
        "frames audited", audits.back().frames,
        fmt::format("in {} audits, {} mismatches", grouped(audits.size()), grouped(mismatches))));
    if (slots == 0 && slot_mismatches == 0) return;
    table.add(count_row("swap slots audited", slots,
                        fmt::format("{} in use at most, {} mismatches", grouped(most_used),
                                    grouped(slot_mismatches))));
}

std::string finding_text(record::Audit::Finding const& finding) {
    std::string const frame = fmt::format("frame {:#x}", finding.frame);
    if (finding.what == "wrong_count") {
        return fmt::format("{} has {} references of level {} by its count, and {} entries point "
                           "to it",
                           frame, finding.counted, finding.level, finding.found);
    }
    if (finding.what == "foreign_memory")
        return frame + " is mapped, and is no memory of the guests'";
    if (finding.what == "table_as_memory")
        return frame + " is mapped, and is the hypervisor's or an EPT table";
    return frame + " may be written through one entry, and is mapped by another";
}

std::string finding_text(record::SlotAudit::Finding const& finding) {
    if (finding.what == "wrong_total") {
        return fmt::format("{} are in use by the count of all, and {} by their own",
                           finding.counted, finding.found);
    }
    std::string const slot = fmt::format("slot {} ", finding.slot);
    if (finding.what == "wrong_count") {
        return slot + fmt::format("has {} references by its count, and {} entries name it",
                                  finding.counted, finding.found);
    }
    return slot + (finding.what == "free_slot" ? "is named by an entry, and free"
                                               : "is named by an entry, and is none of the disk's");
}

/// Of an audit that is not clean.
std::string frames_text(record::Audit const& audit) {
    std::string text = fmt::format("the audit of {} frames has found {} mismatches",
                                   grouped(audit.frames), grouped(audit.mismatches));
    if (audit.first) text += "; the first: " + finding_text(*audit.first);
    if (audit.faults != 0)
        text += fmt::format("; {} times a frame was to be handed out, shared or given back against "
                            "its count",
                            grouped(audit.faults));
    return text;
}

std::string slots_text(record::SlotAudit const& audit) {
    std::string text = fmt::format("the audit of {} swap slots has found {} mismatches",
                                   grouped(audit.audited), grouped(audit.mismatches));
    if (audit.first) text += "; the first: " + finding_text(*audit.first);
    return text;
}

} // namespace

void add_reclaim(Table& table, record::Reclaim const& reclaim) {
    table.add(count_row("swapped out", reclaim.swapped_out, "pages of 4 KiB"));
    table.add(count_row("swapped in", reclaim.swapped_in, "of them, at a violation"));
    table.add(count_row("given back", reclaim.released, "by the guest itself"));
}

void add_upkeep(Table& table, std::map<std::string, std::uint64_t> const& upkeep) {
    table.add(count_row("merged", of(upkeep, "merged"), "pages of 4 KiB, by their contents"));
    table.add(count_row("copied", of(upkeep, "copied"), "of shared pages, at a write"));
    table.add(count_row("taken over", of(upkeep, "taken_over"), "of them, by the last sharer"));
    table.add(count_row("promoted", of(upkeep, "promoted"), "large pages, of 512 small ones"));
    table.add(count_row("split", of(upkeep, "split"), "the other way"));
}

void add_working_sets(Table& table, std::vector<record::WorkingSet> const& found) {
    if (found.empty()) return;
    auto const most = std::ranges::max_element(found, {}, &record::WorkingSet::pages);
    table.add(count_row("working set", found.back().pages,
                        fmt::format("pages of 4 KiB, at the last of {} looks; {} at most",
                                    grouped(found.size()), grouped(most->pages))));
}

void add_dirty_log(Table& table, record::DirtyLog const& log,
                   std::vector<record::DirtyPages> const& intervals) {
    std::string exits = "ticks, and no exit";
    if (!log.exits) {
        exits = "ticks, and exits that the kernel does not count";
    } else if (log.means == "write_protection") {
        exits = fmt::format("ticks, and {} violations", grouped(*log.exits));
    } else if (log.means == "page_modification_log") {
        exits = fmt::format("ticks, {} exits for a full log among them", grouped(*log.exits));
    }
    table.add(count_row("dirty pages", log.pages,
                        fmt::format("of 4 KiB, by {}; digest {:#x}", log.means, log.digest)));
    table.add(count_row("  cost of the log", log.ticks, exits));
    for (auto const& one : intervals) {
        if (intervals.size() == 1) break;
        table.add(count_row(fmt::format("  interval {}", one.interval), one.pages,
                            fmt::format("up to {} ticks; collected by {}; digest {:#x}",
                                        grouped(one.ticks_run), grouped(one.ticks), one.digest)));
    }
}

std::string memory_text(std::optional<record::SwapDisk> const& disk,
                        std::optional<record::Memory> const& memory,
                        std::vector<record::Audit> const& audits, Style const& style) {
    Table table;
    if (disk) {
        table.add(count_row("swap pages proven", disk->pages_proven,
                            fmt::format("written and read back at the start; the disk has {} "
                                        "sectors of 512 bytes",
                                        grouped(disk->sectors))));
    }
    if (memory) add_memory(table, *memory);
    if (memory && !memory->merge.empty()) add_merging(table, memory->merge);
    if (memory && !memory->promote.empty()) add_promoting(table, memory->promote);
    if (!audits.empty()) add_audits(table, audits);
    std::string const rows = table.render(2);
    return rows.empty() ? rows : style.heading("all guests together") + '\n' + rows;
}

std::string audit_failure(std::vector<record::Audit> const& audits) {
    auto const bad = std::ranges::find_if_not(audits, &record::Audit::clean);
    if (bad == audits.end()) return {};
    if (!bad->slots || bad->slots->mismatches == 0) return frames_text(*bad) + '\n';
    std::string const slots = slots_text(*bad->slots) + '\n';
    bool const frames_too = bad->mismatches != 0 || bad->faults != 0;
    return frames_too ? frames_text(*bad) + '\n' + slots : slots;
}

} // namespace twofold::vmm
