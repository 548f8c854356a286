#include "report/record_reader.hpp"

#include "report/fields.hpp"
#include "report/memory_record_reader.hpp"
#include "report/walk_record_reader.hpp"

#include <fmt/format.h>

namespace twofold::vmm {

namespace {

record::ReportOrigin read_origin(Fields const& fields) {
    if (!fields.has("engine")) return record::ReportOrigin::hypervisor;
    if (fields.text("engine") != "kvm") fields.fail("engine", "must be \"kvm\" or left out");
    return record::ReportOrigin::kvm;
}

record::Boot read_boot(Fields const& fields) {
    record::Boot boot{
        read_origin(fields), fields.text("processor"), fields.number("memory_bytes"), {}};
    for (Fields const& phase : fields.objects("phases"))
        boot.phases.push_back({phase.text("name"), phase.number("ticks")});
    return boot;
}

record::CapabilityMissing read_capability_missing(Fields const& fields) {
    return {fields.text("capability"), fields.text("where"), fields.text("meaning")};
}

record::GuestStart read_guest_start(Fields const& fields) {
    bool const native = fields.boolean("native");
    bool const told = !native || fields.has("ticks_to_entry");
    return {
        .guest = fields.number("guest"),
        .name = fields.text("name"),
        .memory_bytes = fields.number("memory_bytes"),
        .guest_page = fields.page_size("guest_page"),
        .host_page = fields.optional_page_size("host_page"),
        .populate = fields.text("populate"),
        .native = native,
        .ticks_to_entry = told ? std::optional{fields.number("ticks_to_entry")} : std::nullopt,
        .cloned_from = fields.optional_number("cloned_from"),
    };
}

record::Figure read_figure(Fields const& fields) {
    return {fields.number("guest"), fields.text("name"), fields.text("unit"),
            fields.number("value")};
}

record::EptProbe read_ept_probe(Fields const& fields) {
    record::EptProbe probe{
        .guest = fields.number("guest"),
        .gpa = fields.hex("gpa"),
        .level = read_level(fields),
        .entries = {},
        .accessed_dirty = fields.boolean("accessed_dirty"),
        .access = fields.text("access"),
        .outcome = fields.text("outcome"),
        .qualification = fields.optional_hex("qualification"),
        .exit_gpa = fields.optional_hex("exit_gpa"),
    };
    Fields const entries = fields.object("entries");
    for (auto const* const name : {"pml4e", "pdpte", "pde", "pte"})
        if (auto const entry = entries.optional_hex(name)) probe.entries.push_back(*entry);
    return probe;
}

record::Violations read_violations(Fields const& fields) {
    return {
        .read = fields.number("read"),
        .write = fields.number("write"),
        .execute = fields.number("execute"),
        .during_walk = fields.number("during_walk"),
        .ticks = fields.number("ticks"),
        .ticks_min = fields.number("ticks_min"),
        .ticks_max = fields.number("ticks_max"),
    };
}

record::Userfaults read_userfaults(Fields const& fields) {
    return {
        .read = fields.number("read"),
        .write = fields.number("write"),
        .ticks = fields.number("ticks"),
        .ticks_min = fields.number("ticks_min"),
        .ticks_max = fields.number("ticks_max"),
    };
}

/// What only one of the two says: the hypervisor of its violations and tables, or KVM's engine.
void read_second_dimension(Fields const& fields, record::Activity& activity) {
    if (fields.has("userfaults")) {
        activity.userfaults = read_userfaults(fields.object("userfaults"));
        return;
    }
    activity.violations = read_violations(fields.object("violations"));
    activity.table_frames = fields.object("frames").number("tables");
}

record::Resets read_resets(Fields const& fields) {
    return {
        .resets = fields.number("resets"),
        .pages = fields.number("pages"),
        .ticks = fields.number("ticks"),
        .ticks_min = fields.number("ticks_min"),
        .ticks_max = fields.number("ticks_max"),
    };
}

record::Activity read_activity(Fields const& fields) {
    Fields const frames = fields.object("frames");
    record::Activity activity{
        .rip = fields.hex("rip"),
        .ticks = fields.number("ticks"),
        .turns = fields.optional_number("turns").value_or(1),
        .exits = fields.numbers("exits"),
        .policy = {},
        .memory_frames = frames.number("memory"),
        .table_frames = std::nullopt,
        .frames_in_use = frames.optional_number("in_use"),
        .violations = std::nullopt,
    };
    read_second_dimension(fields, activity);
    activity.shared_frames = frames.optional_number("shared");
    if (fields.has("resets")) activity.resets = read_resets(fields.object("resets"));
    if (fields.has("policy")) activity.policy = fields.numbers("policy");
    if (fields.has("unknown_places"))
        for (Fields const& place : fields.objects("unknown_places"))
            activity.unknown_places.push_back(
                {place.text("place"), place.number("reads"), place.number("writes")});
    if (fields.has("kernel")) activity.kernel = fields.numbers("kernel");
    if (fields.has("fault_sources")) activity.fault_sources = fields.numbers("fault_sources");
    if (fields.has("fault_histogram"))
        for (Fields const& bar : fields.objects("fault_histogram"))
            activity.fault_histogram[bar.number("ticks_from")] = bar.number("faults");
    return activity;
}

record::GuestStop read_guest_stop(Fields const& fields) {
    constexpr std::uint64_t highest_code = 255;
    record::GuestStop stop{
        .guest = fields.number("guest"),
        .name = fields.text("name"),
        .reason = fields.text("reason"),
        .code = fields.number("code"),
        .message = fields.text("message"),
        .activity = std::nullopt,
    };
    if (fields.has("reclaim")) stop.reclaim = read_reclaim(fields.object("reclaim"));
    if (fields.has("upkeep")) stop.upkeep = fields.numbers("upkeep");
    if (stop.code > highest_code) fields.fail("code", "must be 0 to 255");
    if (stop.reason != "load_error") stop.activity = read_activity(fields);
    return stop;
}

record::Panic read_panic(Fields const& fields) {
    return {
        .vector = fields.number("vector"),
        .name = fields.text("name"),
        .rip = fields.hex("rip"),
        .error_code = fields.hex("error_code"),
        .cr2 = fields.hex("cr2"),
        .message = fields.text("message"),
    };
}

Record read_record(std::string const& kind, Fields const& fields) {
    if (kind == "boot") return read_boot(fields);
    if (kind == "swap_disk") return read_swap_disk(fields);
    if (kind == "capability_missing") return read_capability_missing(fields);
    if (kind == "guest_start") return read_guest_start(fields);
    if (kind == "walk") return read_walk(fields);
    if (kind == "paging") return read_paging(fields);
    if (kind == "table") return read_table_page(fields);
    if (kind == "tables_end") return read_tables_end(fields);
    if (kind == "figure") return read_figure(fields);
    if (kind == "ept_probe") return read_ept_probe(fields);
    if (kind == "merge") return read_merge(fields);
    if (kind == "working_set") return read_working_set(fields);
    if (kind == "dirty_pages") return read_dirty_pages(fields);
    if (kind == "dirty_log") return read_dirty_log(fields);
    if (kind == "guest_stop") return read_guest_stop(fields);
    if (kind == "memory") return read_memory(fields);
    if (kind == "audit") return read_audit(fields);
    if (kind == "error") return record::Error{fields.text("message")};
    if (kind == "panic") return read_panic(fields);
    if (kind == "end") return record::End{fields.number("frames_in_use")};
    fields.fail("record", fmt::format("is \"{}\", which is not a kind of record", kind));
}

nlohmann::json parse_json(std::string_view line) {
    try {
        return nlohmann::json::parse(line);
    } catch (nlohmann::json::parse_error const& error) {
        throw MalformedRecord{fmt::format("not JSON at byte {}", error.byte)};
    }
}

} // namespace

Record parse_record(std::string_view line) {
    nlohmann::json const json = parse_json(line);
    std::string const kind = Fields{json, "the line"}.text("record");
    return read_record(kind, Fields{json, kind});
}

} // namespace twofold::vmm
