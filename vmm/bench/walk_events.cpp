#include "bench/walk_events.hpp"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace twofold::vmm {

namespace {

constexpr WalkEvent tlb_misses{
    "TLB misses", "misses", PERF_TYPE_HW_CACHE,
    PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 |
        PERF_COUNT_HW_CACHE_RESULT_MISS << 16,
    "the kernel's event dTLB-load-misses; each counts once, whatever its walk's dimensions"};

/// Event and unit mask of Intel's event lists, as perf's raw events hold them.
constexpr std::uint64_t raw(unsigned event, unsigned mask) { return event | mask << 8; }

/// Intel's event list for Skylake, which the processors derived from it share.
constexpr std::array skylake_events{
    WalkEvent{
        "walk cycles", "cycles", PERF_TYPE_RAW, raw(0x08, 0x10),
        "Intel's event DTLB_LOAD_MISSES.WALK_PENDING: cycles of walks of the guest's dimension, "
        "or natively; those of EPT are excluded"},
    WalkEvent{"EPT walk cycles", "cycles", PERF_TYPE_RAW, raw(0x4f, 0x10),
              "Intel's event EPT.WALK_PENDING: cycles of walks of EPT alone, for whatever access"}};
constexpr unsigned skylake_family = 6;
constexpr std::array skylake_models{0x4eU, 0x5eU, 0x55U, 0x8eU, 0x9eU, 0xa5U, 0xa6U};

bool has_skylake_events(ProcessorSignature const& processor) {
    return processor.vendor == "GenuineIntel" && processor.family == skylake_family &&
           std::ranges::find(skylake_models, processor.model) != skylake_models.end();
}

} // namespace

ProcessorSignature this_processor() {
    unsigned eax = 0;
    std::array<unsigned, 3> vendor{};
    __cpuid(0, eax, vendor[0], vendor[2], vendor[1]);
    std::string name(sizeof vendor, '\0');
    std::memcpy(name.data(), vendor.data(), sizeof vendor);
    unsigned unused = 0;
    __cpuid(1, eax, unused, unused, unused);
    unsigned const family = eax >> 8 & 0xf;
    unsigned const model = eax >> 4 & 0xf;
    bool const extended = family == 0xf || family == 6;
    return {std::move(name), family == 0xf ? family + (eax >> 20 & 0xff) : family,
            extended ? model | (eax >> 16 & 0xf) << 4 : model};
}

std::vector<WalkEvent> walk_events(ProcessorSignature const& processor) {
    std::vector<WalkEvent> events{tlb_misses};
    if (has_skylake_events(processor))
        events.insert(events.end(), skylake_events.begin(), skylake_events.end());
    return events;
}

} // namespace twofold::vmm
