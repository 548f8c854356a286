#include "sim/processor_preset.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace twofold::vmm {

namespace {

constexpr TlbArrayShape data_4k(Geometry g) { return {.geometry = g, .holds_4k = true}; }
constexpr TlbArrayShape data_2m(Geometry g) { return {.geometry = g, .holds_2m = true}; }
constexpr TlbArrayShape data_1g(Geometry g) { return {.geometry = g, .holds_1g = true}; }
constexpr TlbArrayShape code_4k(Geometry g) {
    return {.geometry = g, .holds_4k = true, .data = false, .instructions = true};
}
constexpr TlbArrayShape code_2m(Geometry g) {
    return {.geometry = g, .holds_2m = true, .data = false, .instructions = true};
}
constexpr TlbArrayShape shared_4k_2m(Geometry g) {
    return {.geometry = g, .holds_4k = true, .holds_2m = true, .data = true, .instructions = true};
}
constexpr TlbArrayShape shared_1g(Geometry g) {
    return {.geometry = g, .holds_1g = true, .data = true, .instructions = true};
}

/// Neither Intel nor AMD publishes the sizes of its paging-structure caches and nested TLB. These
/// are assumed for every preset; with them a random stream over 16 GiB of 4K pages misses the PDE
/// cache and hits the PML4E cache, as measurements of real processors show it.
constexpr StructureShape assumed_structures{{{8, 4}, {1, 4}, {1, 2}, {1, 2}}};
constexpr GuestPhysicalShape assumed_guest_physical{.nested_tlb = {16, 4},
                                                    .structures = assumed_structures};
constexpr std::string_view assumed = "paging-structure caches (PDE 32 4-way, PDPTE 4, PML4E 2, "
                                     "PML5E 2, in each dimension) and nested "
                                     "TLB (64, 4-way): assumed, vendors do not publish them\n"
                                     "replacement: LRU, assumed";

/// Second-level arrays of 1536 = 128 sets of 12 ways.
constexpr ProcessorShape skylake{.first_level = {data_4k({16, 4}), data_2m({8, 4}), data_1g({1, 4}),
                                                 code_4k({16, 8}), code_2m({1, 8})},
                                 .second_level = {shared_4k_2m({128, 12}), shared_1g({4, 4})},
                                 .structures = assumed_structures,
                                 .guest_physical = assumed_guest_physical};

constexpr ProcessorShape haswell{.first_level = {data_4k({16, 4}), data_2m({8, 4}), data_1g({1, 4}),
                                                 code_4k({32, 4}), code_2m({1, 8})},
                                 .second_level = {shared_4k_2m({128, 8})},
                                 .structures = assumed_structures,
                                 .guest_physical = assumed_guest_physical};

constexpr TlbArrayShape all_sizes(Geometry g, bool instructions) {
    return {.geometry = g,
            .holds_4k = true,
            .holds_2m = true,
            .holds_1g = true,
            .data = !instructions,
            .instructions = instructions};
}
constexpr ProcessorShape zen2{
    .first_level = {all_sizes({1, 64}, false), all_sizes({1, 64}, true)},
    .second_level = {TlbArrayShape{.geometry = {128, 16}, .holds_4k = true, .holds_2m = true},
                     TlbArrayShape{.geometry = {64, 8},
                                   .holds_4k = true,
                                   .holds_2m = true,
                                   .data = false,
                                   .instructions = true}},
    .structures = assumed_structures,
    .guest_physical = assumed_guest_physical};

static_assert(skylake.valid() && haswell.valid() && zen2.valid());

/// For looking at the walk alone.
constexpr ProcessorShape none{};
constexpr ProcessorShape tlb_only{.first_level = skylake.first_level,
                                  .second_level = skylake.second_level};

constexpr std::array<ProcessorPreset, 5> presets{{
    {"skylake", "Intel Skylake: 64 + 1536 entries for 4K pages", skylake,
     "data TLB (4K: 64, 4-way; 2M: 32, 4-way; 1G: 4) and instruction TLB (4K: 128, 8-way; 2M: 8): "
     "Intel 64 and IA-32 Architectures Optimization Reference Manual, \"TLB Parameters of the "
     "Skylake Client Microarchitecture\"\n"
     "second level (4K and 2M: 1536, 12-way; 1G: 16, 4-way): the same table",
     assumed},
    {"haswell", "Intel Haswell: 64 + 1024 entries for 4K pages", haswell,
     "data TLB (4K: 64, 4-way; 2M: 32, 4-way; 1G: 4) and instruction TLB (4K: 128, 4-way; 2M: 8): "
     "Intel 64 and IA-32 Architectures Optimization Reference Manual, \"TLB Parameters of the "
     "Haswell Microarchitecture\"\n"
     "second level (4K and 2M: 1024, 8-way): the same table; 1G pages are kept in it as pieces of "
     "2M, assumed",
     assumed},
    {"zen2", "AMD Zen 2: 64 + 2048 entries for 4K pages", zen2,
     "first level (data: 64, instructions: 64, all sizes, fully associative): Software "
     "Optimization Guide for AMD Family 17h Models 30h and Greater Processors, \"L1 Translation "
     "Lookaside Buffers\"\n"
     "second level (data: 2048; instructions: 512, 8-way; 1G pages as pieces of 2M): the same, "
     "\"L2 Translation Lookaside Buffers\"; 16-way for data: assumed, it skews its ways by page "
     "size",
     assumed},
    {"tlb-only", "skylake without paging-structure caches and nested TLB", tlb_only,
     "TLBs as skylake; every miss is a cold walk", "replacement: LRU, assumed"},
    {"none", "nothing is cached: every access is a cold walk", none, "no parameter", ""},
}};

} // namespace

std::span<ProcessorPreset const> processor_presets() { return presets; }

ProcessorPreset const& processor_preset(std::string_view name) {
    auto const found = std::ranges::find(presets, name, &ProcessorPreset::name);
    if (found != presets.end()) return *found;
    std::string known;
    for (auto const& preset : presets)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", preset.name);
    throw UsageError{fmt::format("there is no processor '{}'; there are: {}", name, known)};
}

} // namespace twofold::vmm
