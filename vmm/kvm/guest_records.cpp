#include "kvm/guest_records.hpp"

#include "kvm/record_line.hpp"

#include <twofold/abi/walk_record.hpp>

namespace twofold::vmm::kvm {

namespace {

using abi::hex;

template <class Line>
void put_counts(Line& line, std::string_view key,
                std::map<std::string, std::uint64_t> const& counts) {
    auto object = line.object(key);
    for (auto const& [name, count] : counts)
        object(name, count);
}

template <class Line>
void put_places(Line& line, std::map<std::string, UnknownUses> const& places) {
    if (places.empty()) return;
    auto list = line.array("unknown_places");
    for (auto const& [place, uses] : places)
        list.object()("place", place)("reads", uses.reads)("writes", uses.writes);
}

template <class Line>
void put_frames(Line& line, Figures const& figures) {
    auto object = line.object("frames");
    object("memory", figures.memory_frames);
    if (figures.shared_frames) object("shared", *figures.shared_frames);
}

template <class Line>
void put_resets(Line& line, ResetStatistics const& resets) {
    line.object("resets")("resets", resets.resets)("pages", resets.pages)("ticks", resets.ticks)(
        "ticks_min", resets.resets == 0 ? 0 : resets.ticks_min)("ticks_max", resets.ticks_max);
}

template <class Line>
void put_faults(Line& line, FaultStatistics const& faults) {
    line.object("userfaults")("read", faults.reads)("write", faults.writes)("ticks", faults.ticks)(
        "ticks_min", faults.faults() == 0 ? 0 : faults.ticks_min)("ticks_max", faults.ticks_max);
    if (faults.faults() == 0) return;
    line("fault_pages", faults.pages);
    line.object("fault_sources")("zeros", faults.pages - faults.from_file - faults.from_swap)(
        "file", faults.from_file)("swap", faults.from_swap);
    auto histogram = line.array("fault_histogram");
    for (std::size_t n = 0; n < faults.histogram.size(); ++n) {
        if (faults.histogram[n] == 0) continue;
        histogram.object()("ticks_from", std::uint64_t{1} << n)("faults", faults.histogram[n]);
    }
}

} // namespace

std::string boot_record(std::string_view processor, std::uint64_t memory_bytes,
                        std::vector<std::pair<std::string_view, std::uint64_t>> const& phases) {
    return line_of([&](auto& line) {
        line("record", "boot")("engine", "kvm")("processor", processor)("memory_bytes",
                                                                        memory_bytes);
        auto list = line.array("phases");
        for (auto const& [name, ticks] : phases)
            list.object()("name", name)("ticks", ticks);
    });
}

std::string start_record(GuestIdentity const& guest, GuestPlan const& plan,
                         std::string_view populate, std::uint64_t ticks_to_entry) {
    return line_of([&](auto& line) {
        line("record", "guest_start")("guest", guest.number)("name", guest.name)("memory_bytes",
                                                                                 plan.memory_bytes)(
            "guest_page", hex(plan.guest_page.bytes()))("host_page", hex(plan.host_page.bytes()))(
            "populate", populate)("native", false)("ticks_to_entry", ticks_to_entry);
        if (guest.cloned_from) line("cloned_from", *guest.cloned_from);
    });
}

std::string walk_record(std::uint64_t guest, Gva gva, PagingMode mode,
                        std::vector<Reference> const& references,
                        std::expected<NestedTranslation, NestedFault> const& result) {
    return line_of([&](auto& line) { abi::put_walk(line, guest, gva, mode, references, result); });
}

std::string figure_record(std::uint64_t guest, std::string_view name, std::uint64_t ticks) {
    return line_of([&](auto& line) {
        line("record", "figure")("guest", guest)("name", name)("unit", "ticks")("value", ticks);
    });
}

std::string merge_record(std::uint64_t guest, Gpa first, std::uint64_t pages,
                         OfferResult const& done) {
    return line_of([&](auto& line) {
        line("record", "merge")("guest", guest)("gpa", hex(first.value()))("pages", pages)(
            "hashed", done.hashed)("merged", done.merged)("zeroed", done.zeroed);
    });
}

std::string working_set_record(std::uint64_t guest, std::uint64_t pages) {
    return line_of([&](auto& line) {
        line("record", "working_set")("guest", guest)("pages", pages)("shared_pages",
                                                                      std::uint64_t{0});
    });
}

std::string dirty_pages_record(std::uint64_t guest, std::uint64_t interval, DirtyPages const& found,
                               std::uint64_t ticks_run, std::uint64_t ticks) {
    return line_of([&](auto& line) {
        line("record", "dirty_pages")("guest", guest)("interval", interval)("pages", found.count)(
            "digest", hex(found.digest))("ticks_run", ticks_run)("ticks", ticks);
    });
}

std::string dirty_log_record(std::uint64_t guest, abi::DirtyLogging means, std::uint64_t intervals,
                             DirtyPages const& all, std::uint64_t ticks) {
    return line_of([&](auto& line) {
        line("record", "dirty_log")("guest", guest)("means", name_of(means))(
            "intervals", intervals)("pages", all.count)("digest", hex(all.digest))("ticks", ticks);
    });
}

std::string stop_record(GuestIdentity const& guest, Stop const& stop, Figures const& figures) {
    return line_of([&](auto& line) {
        line("record", "guest_stop")("guest", guest.number)("name", guest.name)(
            "reason", stop.reason)("code", std::uint32_t{stop.code})("message", stop.message)(
            "rip", hex(figures.rip))("ticks", figures.ticks);
        put_counts(line, "exits", figures.exits);
        line.object("policy")("unknown_ports", figures.unknown_ports)("unknown_mmio",
                                                                      figures.unknown_mmio);
        put_places(line, figures.unknown_places);
        put_frames(line, figures);
        put_faults(line, figures.faults);
        put_counts(line, "kernel", figures.kernel);
        if (auto const& reclaimed = figures.reclaimed)
            line.object("reclaim")("swapped_out", reclaimed->swapped_out)(
                "swapped_in", reclaimed->swapped_in)("released", reclaimed->released);
        if (figures.resets) put_resets(line, *figures.resets);
    });
}

std::string memory_record(ReclaimStatistics const& reclaimed, std::uint64_t memory_bytes) {
    return line_of([&](auto& line) {
        line("record", "memory")("frames", reclaimed.frames_limit)(
            "frames_limit", reclaimed.frames_limit * page_4k.bytes())("overcommit_percent", 0U)(
            "promised_most",
            memory_bytes / page_4k.bytes())("reclaimed", reclaimed.swapped_out + reclaimed.dropped)(
            "reclaims", reclaimed.reclaims)("reclaim_ticks", reclaimed.ticks);
        if (!reclaimed.swap) return;
        auto swap = line.object("swap");
        swap("pages", reclaimed.swap->pages)("used_most", reclaimed.swap->used_most)(
            "written", reclaimed.swap->written)("read", reclaimed.swap->read);
        if (!reclaimed.swap->error.empty()) swap("error", reclaimed.swap->error);
    });
}

std::string load_error_record(GuestIdentity const& guest, std::string_view message) {
    return line_of([&](auto& line) {
        line("record", "guest_stop")("guest", guest.number)("name", guest.name)(
            "reason", "load_error")("code", 1U)("message", message);
    });
}

std::string end_record() {
    // The guest's memory is gone with its mapping before this is said.
    return line_of([](auto& line) { line("record", "end")("frames_in_use", std::uint64_t{0}); });
}

} // namespace twofold::vmm::kvm
