#include "report/run_json.hpp"

#include "report/fields.hpp"
#include "report/walk_json.hpp"

namespace twofold::vmm {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(record::Boot const& boot) {
    Json phases = Json::array();
    for (auto const& phase : boot.phases)
        phases.push_back({{"name", phase.name}, {"ticks", phase.ticks}});
    char const* const engine = boot.origin == record::ReportOrigin::kvm ? "kvm" : "hypervisor";
    return {{"engine", engine},
            {"processor", boot.processor},
            {"memory_bytes", boot.memory_bytes},
            {"phases", phases}};
}

Json to_json(record::SwapDisk const& disk) {
    return {{"sectors", disk.sectors}, {"pages_proven", disk.pages_proven}};
}

Json to_json(record::GuestStart const& start) {
    Json json{{"memory_bytes", start.memory_bytes},
              {"guest_page", hexadecimal(start.guest_page.bytes())},
              {"host_page", nullptr},
              {"populate", start.populate},
              {"native", start.native},
              {"ticks_to_entry", nullptr}};
    if (start.cloned_from) json["cloned_from"] = *start.cloned_from;
    if (start.ticks_to_entry) json["ticks_to_entry"] = *start.ticks_to_entry;
    if (start.host_page) json["host_page"] = hexadecimal(start.host_page->bytes());
    return json;
}

Json to_json(record::EptProbe const& probe) {
    Json entries = Json::array();
    for (std::uint64_t const entry : probe.entries)
        entries.push_back(hexadecimal(entry));
    Json json{{"gpa", hexadecimal(probe.gpa)},
              {"level", probe.level},
              {"entries", entries},
              {"accessed_dirty", probe.accessed_dirty},
              {"access", probe.access},
              {"outcome", probe.outcome}};
    if (probe.qualification) json["qualification"] = hexadecimal(*probe.qualification);
    if (probe.exit_gpa) json["exit_gpa"] = hexadecimal(*probe.exit_gpa);
    return json;
}

Json to_json(record::Merge const& merge) {
    Json json{{"gpa", hexadecimal(merge.gpa)},
              {"pages", merge.pages},
              {"hashed", merge.hashed},
              {"merged", merge.merged},
              {"zeroed", merge.zeroed}};
    if (auto const& frames = merge.frames)
        json["frames"] = {{"before", frames->before}, {"after", frames->after}};
    return json;
}

Json to_json(record::Violations const& violations) {
    return {{"read", violations.read},          {"write", violations.write},
            {"execute", violations.execute},    {"during_walk", violations.during_walk},
            {"ticks", violations.ticks},        {"ticks_min", violations.ticks_min},
            {"ticks_max", violations.ticks_max}};
}

Json to_json(record::Userfaults const& faults) {
    return {{"read", faults.read},
            {"write", faults.write},
            {"ticks", faults.ticks},
            {"ticks_min", faults.ticks_min},
            {"ticks_max", faults.ticks_max}};
}

Json to_json(std::map<std::string, std::uint64_t> const& counts) {
    Json json = Json::object();
    for (auto const& [name, count] : counts)
        json[name] = count;
    return json;
}

Json to_json(record::GuestStop const& stop) {
    Json json{{"reason", stop.reason}, {"code", stop.code}, {"message", stop.message}};
    if (stop.reclaim) {
        json["reclaim"] = {{"swapped_out", stop.reclaim->swapped_out},
                           {"swapped_in", stop.reclaim->swapped_in},
                           {"released", stop.reclaim->released}};
    }
    if (!stop.upkeep.empty()) json["upkeep"] = to_json(stop.upkeep);
    if (!stop.activity) return json;
    auto const& activity = *stop.activity;
    json["rip"] = hexadecimal(activity.rip);
    json["ticks"] = activity.ticks;
    json["turns"] = activity.turns;
    json["exits"] = to_json(activity.exits);
    json["policy"] = to_json(activity.policy);
    for (auto const& place : activity.unknown_places)
        json["unknown_places"].push_back(
            {{"place", place.place}, {"reads", place.reads}, {"writes", place.writes}});
    json["frames"] = {{"memory", activity.memory_frames}};
    if (activity.table_frames) json["frames"]["tables"] = *activity.table_frames;
    if (activity.shared_frames) json["frames"]["shared"] = *activity.shared_frames;
    if (activity.resets) {
        json["resets"] = {{"resets", activity.resets->resets},
                          {"pages", activity.resets->pages},
                          {"ticks", activity.resets->ticks},
                          {"ticks_min", activity.resets->ticks_min},
                          {"ticks_max", activity.resets->ticks_max}};
    }
    if (activity.frames_in_use) json["frames"]["in_use"] = *activity.frames_in_use;
    if (activity.violations) json["violations"] = to_json(*activity.violations);
    if (activity.userfaults) json["userfaults"] = to_json(*activity.userfaults);
    if (!activity.kernel.empty()) json["kernel"] = to_json(activity.kernel);
    if (!activity.fault_sources.empty()) json["fault_sources"] = to_json(activity.fault_sources);
    for (auto const& [ticks, faults] : activity.fault_histogram)
        json["fault_histogram"].push_back({{"ticks_from", ticks}, {"faults", faults}});
    return json;
}

Json to_json(record::Memory const& memory) {
    Json json{{"frames", memory.frames},
              {"frames_limit", memory.frames_limit},
              {"overcommit_percent", memory.overcommit_percent},
              {"promised_most", memory.promised_most},
              {"reclaimed", memory.reclaimed},
              {"reclaims", memory.reclaims},
              {"reclaim_ticks", memory.reclaim_ticks},
              {"swap", nullptr}};
    if (!memory.merge.empty()) json["merge"] = to_json(memory.merge);
    if (!memory.promote.empty()) json["promote"] = to_json(memory.promote);
    if (memory.swap) {
        json["swap"] = {{"pages", memory.swap->pages},     {"used_most", memory.swap->used_most},
                        {"written", memory.swap->written}, {"read", memory.swap->read},
                        {"split", memory.swap->split},     {"error", memory.swap->error}};
    }
    return json;
}

Json to_json(record::SlotAudit const& audit) {
    Json json{{"audited", audit.audited},
              {"used", audit.used},
              {"references", audit.references},
              {"mismatches", audit.mismatches},
              {"first", nullptr}};
    if (audit.first) {
        json["first"] = {{"what", audit.first->what},
                         {"slot", audit.first->slot},
                         {"counted", audit.first->counted},
                         {"found", audit.first->found}};
    }
    return json;
}

Json to_json(record::Audit const& audit) {
    Json json{{"frames", audit.frames},         {"spaces", audit.spaces},
              {"references", audit.references}, {"mismatches", audit.mismatches},
              {"faults", audit.faults},         {"first", nullptr}};
    if (audit.first) {
        json["first"] = {{"what", audit.first->what},
                         {"frame", hexadecimal(audit.first->frame)},
                         {"level", audit.first->level},
                         {"counted", audit.first->counted},
                         {"found", audit.first->found}};
    }
    if (audit.slots) json["slots"] = to_json(*audit.slots);
    return json;
}

Json to_json(record::DirtyLog const& log, std::vector<record::DirtyPages> const& intervals) {
    Json json{{"means", log.means}, {"pages", log.pages}, {"digest", hexadecimal(log.digest)},
              {"exits", nullptr},   {"ticks", log.ticks}, {"intervals", Json::array()}};
    if (log.exits) json["exits"] = *log.exits;
    for (auto const& one : intervals)
        json["intervals"].push_back({{"interval", one.interval},
                                     {"pages", one.pages},
                                     {"digest", hexadecimal(one.digest)},
                                     {"ticks_run", one.ticks_run},
                                     {"ticks", one.ticks}});
    return json;
}

Json to_json(record::Panic const& panic) {
    return {{"vector", panic.vector},        {"name", panic.name},
            {"rip", hexadecimal(panic.rip)}, {"error_code", hexadecimal(panic.error_code)},
            {"cr2", hexadecimal(panic.cr2)}, {"message", panic.message}};
}

Json to_json(record::End const& end) { return {{"frames_in_use", end.frames_in_use}}; }

template <class T>
Json or_null(std::optional<T> const& value) {
    return value ? to_json(*value) : Json{};
}

Json to_json(GuestReport const& guest) {
    Json walks = Json::array();
    for (auto const& walk : guest.walks)
        walks.push_back(walk_json(walk));
    Json figures = Json::array();
    for (auto const& figure : guest.figures)
        figures.push_back({{"name", figure.name}, {"unit", figure.unit}, {"value", figure.value}});
    Json json{{"guest", guest.number}, {"name", guest.name}, {"start", or_null(guest.start)},
              {"walks", walks},        {"figures", figures}, {"stop", or_null(guest.stop)}};
    for (auto const& probe : guest.probes)
        json["ept_probes"].push_back(to_json(probe));
    for (auto const& found : guest.working_sets)
        json["working_sets"].push_back(
            {{"pages", found.pages}, {"shared_pages", found.shared_pages}});
    if (guest.dirty_log) json["dirty_log"] = to_json(*guest.dirty_log, guest.dirty_pages);
    for (auto const& merge : guest.merges)
        json["merges"].push_back(to_json(merge));
    return json;
}

} // namespace

Json run_json(RunReport const& report) {
    Json missing = Json::array();
    for (auto const& one : report.missing()) {
        missing.push_back(
            {{"capability", one.capability}, {"where", one.where}, {"meaning", one.meaning}});
    }
    Json guests = Json::array();
    for (auto const& guest : report.guests())
        guests.push_back(to_json(guest));
    Json audits = Json::array();
    for (auto const& audit : report.audits())
        audits.push_back(to_json(audit));
    Json errors = Json::array();
    for (auto const& error : report.errors())
        errors.push_back(error.message);
    return {{"boot", or_null(report.boot())},
            {"swap_disk", or_null(report.swap_disk())},
            {"capabilities_missing", missing},
            {"guests", guests},
            {"memory", or_null(report.memory())},
            {"audits", audits},
            {"errors", errors},
            {"panic", or_null(report.panic())},
            {"end", or_null(report.end())}};
}

} // namespace twofold::vmm
