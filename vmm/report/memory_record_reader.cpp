#include "report/memory_record_reader.hpp"

#include "report/walk_record_reader.hpp"

namespace twofold::vmm {

namespace {

record::Swap read_swap(Fields const& fields) {
    return {
        .pages = fields.number("pages"),
        .used_most = fields.number("used_most"),
        .written = fields.number("written"),
        .read = fields.number("read"),
        .split = fields.optional_number("split").value_or(0),
        .error = fields.has("error") ? fields.text("error") : "",
    };
}

record::SlotAudit read_slot_audit(Fields const& fields) {
    record::SlotAudit audit{fields.number("audited"), fields.number("used"),
                            fields.number("references"), fields.number("mismatches"), std::nullopt};
    if (!fields.has("first")) return audit;
    Fields const first = fields.object("first");
    audit.first = {first.text("what"), first.number("slot"), first.number("counted"),
                   first.number("found")};
    return audit;
}

} // namespace

record::SwapDisk read_swap_disk(Fields const& fields) {
    return {fields.number("sectors"), fields.number("pages_proven")};
}

record::WorkingSet read_working_set(Fields const& fields) {
    return {fields.number("guest"), fields.number("pages"), fields.number("shared_pages")};
}

record::Merge read_merge(Fields const& fields) {
    record::Merge merge{
        .guest = fields.number("guest"),
        .gpa = fields.hex("gpa"),
        .pages = fields.number("pages"),
        .hashed = fields.number("hashed"),
        .merged = fields.number("merged"),
        .zeroed = fields.number("zeroed"),
        .frames = std::nullopt,
    };
    if (!fields.has("frames")) return merge;
    Fields const frames = fields.object("frames");
    merge.frames = {frames.number("before"), frames.number("after")};
    return merge;
}

record::DirtyPages read_dirty_pages(Fields const& fields) {
    return {
        .guest = fields.number("guest"),
        .interval = fields.number("interval"),
        .pages = fields.number("pages"),
        .digest = fields.hex("digest"),
        .ticks_run = fields.number("ticks_run"),
        .ticks = fields.number("ticks"),
    };
}

record::DirtyLog read_dirty_log(Fields const& fields) {
    return {
        .guest = fields.number("guest"),
        .means = fields.text("means"),
        .intervals = fields.number("intervals"),
        .pages = fields.number("pages"),
        .digest = fields.hex("digest"),
        .exits = fields.optional_number("exits"),
        .ticks = fields.number("ticks"),
    };
}

record::Reclaim read_reclaim(Fields const& fields) {
    return {fields.number("swapped_out"), fields.number("swapped_in"), fields.number("released")};
}

record::Memory read_memory(Fields const& fields) {
    record::Memory memory{
        .frames = fields.number("frames"),
        .frames_limit = fields.number("frames_limit"),
        .overcommit_percent = fields.number("overcommit_percent"),
        .promised_most = fields.number("promised_most"),
        .reclaimed = fields.number("reclaimed"),
        .reclaims = fields.number("reclaims"),
        .reclaim_ticks = fields.number("reclaim_ticks"),
        .swap = std::nullopt,
    };
    if (fields.has("merge")) memory.merge = fields.numbers("merge");
    if (fields.has("promote")) memory.promote = fields.numbers("promote");
    if (fields.has("swap")) memory.swap = read_swap(fields.object("swap"));
    return memory;
}

record::Audit read_audit(Fields const& fields) {
    record::Audit audit{
        .frames = fields.number("frames"),
        .spaces = fields.number("spaces"),
        .references = fields.number("references"),
        .mismatches = fields.number("mismatches"),
        .faults = fields.number("faults"),
        .first = std::nullopt,
    };
    if (fields.has("slots")) audit.slots = read_slot_audit(fields.object("slots"));
    if (!fields.has("first")) return audit;
    Fields const first = fields.object("first");
    audit.first = {first.text("what"), first.hex("frame"), read_level(first),
                   first.number("counted"), first.number("found")};
    return audit;
}

} // namespace twofold::vmm
