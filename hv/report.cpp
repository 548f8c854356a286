#include "hv/report.hpp"

#include "hv/device/serial_ports.hpp"

namespace twofold::hv {

namespace {

constinit FramePool const* reported_pool = nullptr;

template <class Line>
void put_slots(Line& line, SlotAuditResult const& result) {
    auto slots = line.object("slots");
    slots("audited", result.slots)("used", result.used)("references", result.references)(
        "mismatches", result.mismatches);
    if (!result.first) return;
    slots.object("first")("what", name_of(result.first->what))("slot", result.first->slot)(
        "counted", result.first->counted)("found", result.first->found);
}

} // namespace

void report_boot(std::string_view processor, std::uint64_t memory_bytes,
                 std::span<Phase const> phases) {
    abi::JsonLine line{report};
    line("record", "boot")("processor", processor)("memory_bytes", memory_bytes);
    auto list = line.array("phases");
    for (Phase const& phase : phases)
        list.object()("name", phase.name)("ticks", phase.ticks);
}

void report_audit(AuditResult const& result) {
    abi::JsonLine line{report};
    line("record", "audit")("frames", result.frames)("spaces", result.spaces)(
        "references", result.references)("mismatches", result.mismatches)("faults", result.faults);
    if (result.first) {
        AuditFinding const& first = *result.first;
        line.object("first")("what", name_of(first.what))("frame", abi::hex(first.frame))(
            "level", first.level)("counted", first.counted)("found", first.found);
    }
    // Without a disk there is something to say only where an entry names a slot all the same.
    if (result.swap.slots > 0 || result.swap.mismatches > 0) put_slots(line, result.swap);
}

void report_error(std::string_view message) {
    abi::JsonLine{report}("record", "error")("message", message);
}

void report_panic(PanicRecord const& panic) {
    abi::JsonLine{report}("record", "panic")("vector", panic.vector)("name", panic.name)(
        "rip", abi::hex(panic.rip))("error_code", abi::hex(panic.error_code))(
        "cr2", abi::hex(panic.cr2))("message", panic.message);
}

void report_end() {
    std::uint64_t const frames = reported_pool == nullptr ? 0 : reported_pool->frames_used();
    abi::JsonLine{report}("record", "end")("frames_in_use", frames);
}

void report_frames_of(FramePool const& pool) { reported_pool = &pool; }

} // namespace twofold::hv
