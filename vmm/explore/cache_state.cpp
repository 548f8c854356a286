#include "explore/cache_state.hpp"

#include "explore/recorded_memory.hpp"
#include "report/walk_shape.hpp"
#include "system/failure.hpp"

#include <twofold/model/nested_space.hpp>
#include <twofold/model/translation_model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

namespace twofold::vmm {

namespace {

enum class Before { nothing, same_access, invvpid, invept };

struct ModelledState {
    CacheState text;
    ProcessorShape shape;
    Before before;
};

constexpr Geometry some{1, 16};
constexpr StructureShape pdpte_entries{Geometry{}, some};
constexpr StructureShape pml4e_entries{Geometry{}, Geometry{}, some};
constexpr StructureShape all_entries{some, some, some};
constexpr TlbShape one_tlb{
    TlbArrayShape{.geometry = some, .holds_4k = true, .holds_2m = true, .holds_1g = true}};
constexpr ProcessorShape everything{
    .first_level = one_tlb, .structures = all_entries, .guest_physical = {some, all_entries}};

constexpr std::array states{
    ModelledState{
        {"cold", "Nothing is cached: every reference is a read of memory."}, {}, Before::nothing},
    ModelledState{{"PML4E entry",
                   "A combined entry says where the page-directory-pointer table lies "
                   "in host memory."},
                  {.structures = pml4e_entries},
                  Before::same_access},
    ModelledState{{"PDPTE entry", "A combined entry says where the page directory lies in host "
                                  "memory."},
                  {.structures = pdpte_entries},
                  Before::same_access},
    ModelledState{{"PDE entry", "The lowest combined entry says where the last table lies in host "
                                "memory; with 2M guest pages that is a PDPTE's."},
                  {.structures = all_entries},
                  Before::same_access},
    ModelledState{{"EPT PDE entries", "EPT's own structure entries: each nested walk starts at its "
                                      "last level."},
                  {.guest_physical = {{}, all_entries}},
                  Before::same_access},
    ModelledState{{"nested TLB", "Translations of guest-physical addresses: no EPT entry is read."},
                  {.guest_physical = {some, {}}},
                  Before::same_access},
    ModelledState{{"PDE entry and nested TLB", "Both: the guest's last entry alone is read."},
                  {.structures = all_entries, .guest_physical = {some, {}}},
                  Before::same_access},
    ModelledState{
        {"TLB", "The translation itself is cached: no walk."}, everything, Before::same_access},
    ModelledState{{"after INVVPID",
                   "All was cached; combined mappings were dropped, guest-physical "
                   "ones stay."},
                  everything,
                  Before::invvpid},
    ModelledState{{"after INVEPT", "All was cached and all is dropped; caches fill again while the "
                                   "walk goes on."},
                  everything,
                  Before::invept},
};

using RecordedSpace = NestedSpace<X86Format<Gva, Gpa, 4>, EptFormat<4>, RecordedMemory>;

void check_explorable(record::Walk const& walk) {
    if (walk.fault || !walk.host_page || walk.native)
        throw Failure{
            fmt::format("the walk of gva {:#x} is no whole walk of two dimensions", walk.gva)};
    auto const top_levels = [](record::WalkReference const& r) { return r.level <= 4; };
    auto const shape = shape_of(walk);
    bool const four_levels = std::ranges::all_of(walk.references, top_levels) &&
                             shape.steps.size() > 1 &&
                             walk.references[*shape.steps.front().guest].level == 4;
    if (!four_levels)
        throw Failure{fmt::format("the walk of gva {:#x} is not one of 4-level tables", walk.gva)};
}

/// A reference by what it is for: the gpa that is translated or read, and its level.
struct Purpose {
    Dimension dimension;
    unsigned level;
    std::uint64_t gpa;

    friend bool operator==(Purpose const&, Purpose const&) = default;
};

/// The references that an access in `state` reads from memory; whether a TLB made all needless.
struct Seen {
    std::vector<Purpose> reads;
    bool tlb_hit = false;
};

Seen access_in(ModelledState const& state, record::Walk const& walk) {
    RecordedMemory memory{walk};
    auto const shape = shape_of(walk);
    auto const& first_guest = walk.references[*shape.steps.front().guest];
    Hpa const ept_root = Hpa{walk.references.front().address}.aligned_down(page_4k.bytes());
    RecordedSpace const space{
        {}, Gpa{*first_guest.gpa}.aligned_down(page_4k.bytes()), {{}, ept_root, memory}};
    auto const caches = std::make_unique<TranslationCaches>(state.shape);
    caches->enter({.vpid = 1, .ept = ept_root});
    TranslationModel model{space, *caches};
    Gva const gva{walk.gva};
    if (state.before != Before::nothing)
        (void)model.access(gva, Access::read, [](Reference const&) {});
    if (state.before == Before::invvpid) caches->invvpid(InvvpidKind::single_context, 1);
    if (state.before == Before::invept) caches->invept_single(ept_root);
    Seen seen;
    auto const outcome = model.access(gva, Access::read, [&seen](Reference const& reference) {
        seen.reads.push_back({reference.dimension, reference.level, reference.gpa.value()});
    });
    if (outcome == Outcome::faulted)
        throw Failure{fmt::format("the recorded entries do not translate gva {:#x}", walk.gva)};
    seen.tlb_hit = outcome != Outcome::walked;
    return seen;
}

/// Which cache made the reads of one step needless.
std::string cache_behind(record::Walk const& walk, WalkStep const& step,
                         std::vector<bool> const& read, std::size_t at, unsigned combined_level) {
    if (step.guest && walk.references[*step.guest].level >= combined_level - 1 &&
        combined_level != 0)
        return fmt::format("{} entry", level_name(Dimension::guest, combined_level));
    auto const next =
        std::ranges::find_if(step.ept, [&](std::size_t i) { return i > at && read[i]; });
    if (next == step.ept.end()) return "nested TLB";
    return fmt::format("{} entry", level_name(Dimension::ept, walk.references[*next].level + 1));
}

} // namespace

std::span<CacheState const> cache_states() {
    static constexpr auto texts = [] {
        std::array<CacheState, states.size()> all{};
        for (std::size_t at = 0; at < states.size(); ++at)
            all[at] = states[at].text;
        return all;
    }();
    return texts;
}

std::vector<std::string> served_by(record::Walk const& walk, std::size_t state) {
    check_explorable(walk);
    auto const seen = access_in(states.at(state), walk);
    std::vector<std::string> served(walk.references.size(), "TLB");
    if (seen.tlb_hit) return served;

    auto const shape = shape_of(walk);
    std::vector<bool> read(walk.references.size());
    unsigned combined_level = 0;
    for (auto const& step : shape.steps) {
        std::uint64_t const gpa = step.guest ? *walk.references[*step.guest].gpa : *walk.gpa;
        auto const mark = [&](std::size_t at) {
            auto const& reference = walk.references[at];
            read[at] = std::ranges::find(seen.reads, Purpose{reference.dimension, reference.level,
                                                             gpa}) != seen.reads.end();
        };
        std::ranges::for_each(step.ept, mark);
        if (!step.guest) continue;
        mark(*step.guest);
        if (!read[*step.guest]) combined_level = walk.references[*step.guest].level;
    }
    for (auto const& step : shape.steps) {
        for (std::size_t const at : step.ept)
            served[at] = read[at] ? "read" : cache_behind(walk, step, read, at, combined_level);
        if (step.guest)
            served[*step.guest] = read[*step.guest]
                                      ? "read"
                                      : cache_behind(walk, step, read, *step.guest, combined_level);
    }
    return served;
}

} // namespace twofold::vmm
