#include "report/walk_shape.hpp"

#include <twofold/arch/ept_entry.hpp>
#include <twofold/arch/x86_entry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twofold::vmm {

namespace {

/// The radix tables that a leaf of this size leaves to be read, from `levels` down.
std::size_t levels_to(PageSize leaf, unsigned levels, unsigned index_bits = 9) {
    return levels == 0 ? 0 : levels - (leaf.shift() - page_4k.shift()) / index_bits;
}

std::size_t guest_levels_to(PageSize leaf, PagingMode mode) {
    return levels_to(leaf, levels_of(mode), mode == PagingMode::bits_32 ? 10 : 9);
}

std::string_view memory_type_name(std::uint64_t entry) {
    switch (static_cast<MemoryType>((entry & EptEntry::memory_type_mask) >> 3)) {
    case MemoryType::uncacheable: return "UC";
    case MemoryType::write_combining: return "WC";
    case MemoryType::write_through: return "WT";
    case MemoryType::write_protected: return "WP";
    case MemoryType::write_back: return "WB";
    }
    return "reserved type";
}

template <class Entry>
std::string describe_guest_entry(unsigned level, Entry entry, unsigned index_bits) {
    if (!entry.present()) return "not present";
    Permissions const allowed = entry.permissions();
    std::string text{allowed.write ? "rw" : "r-"};
    text += allowed.execute ? "x" : "-";
    text += allowed.user ? " user" : "";
    text += entry.accessed() ? " A" : "";
    if (!entry.leaf(level)) return fmt::format("{} -> table, gpa {:#x}", text, entry.table());
    text += entry.dirty() ? " D" : "";
    PageSize const size{12 + index_bits * (level - 1)};
    return fmt::format("{} -> page, gpa {:#x}", text, entry.frame(size));
}

std::string describe_ept_entry(unsigned level, std::uint64_t word) {
    EptEntry const entry{word};
    if (!entry.present()) return "not present";
    Permissions const allowed = entry.permissions();
    std::string text{allowed.read ? "r" : "-"};
    text += allowed.write ? "w" : "-";
    text += allowed.execute ? "x" : "-";
    text += entry.accessed() ? " A" : "";
    if (!entry.leaf(level)) return fmt::format("{} -> table, hpa {:#x}", text, entry.table());
    text += entry.dirty() ? " D" : "";
    PageSize const size{12 + 9 * (level - 1)};
    return fmt::format("{} {} -> frame, hpa {:#x}", text, memory_type_name(word),
                       entry.frame(size));
}

} // namespace

std::string_view level_name(Dimension dimension, unsigned level) {
    constexpr std::array<std::string_view, 6> guest{"?", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
    constexpr std::array<std::string_view, 6> ept{"?",         "EPT PTE",   "EPT PDE",
                                                  "EPT PDPTE", "EPT PML4E", "EPT PML5E"};
    return (dimension == Dimension::guest ? guest : ept)[level < guest.size() ? level : 0];
}

std::size_t WalkShape::guest_references() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(steps, [](auto const& step) { return step.guest.has_value(); }));
}

std::optional<std::size_t> WalkShape::uniform_ept_references() const {
    if (steps.empty()) return std::nullopt;
    std::size_t const first = steps.front().ept.size();
    bool const uniform =
        std::ranges::all_of(steps, [=](auto const& step) { return step.ept.size() == first; });
    return uniform ? std::optional{first} : std::nullopt;
}

WalkShape shape_of(record::Walk const& walk) {
    WalkShape shape;
    WalkStep step;
    for (std::size_t at = 0; at < walk.references.size(); ++at) {
        if (walk.references[at].dimension == Dimension::ept) {
            step.ept.push_back(at);
            continue;
        }
        step.guest = at;
        shape.steps.push_back(std::exchange(step, {}));
    }
    if (!step.ept.empty()) shape.steps.push_back(std::move(step));
    return shape;
}

std::size_t closed_form(PageSize guest_page, std::optional<PageSize> host_page, PagingMode mode,
                        unsigned ept_levels) {
    std::size_t const g = guest_levels_to(guest_page, mode);
    return host_page ? (g + 1) * (levels_to(*host_page, ept_levels) + 1) - 1 : g;
}

std::string closed_form_text(record::Walk const& walk) {
    std::size_t const g = guest_levels_to(*walk.guest_page, walk.mode);
    if (walk.native) return fmt::format("g = {}", g);
    auto const shape = shape_of(walk);
    if (auto const h = shape.uniform_ept_references())
        return fmt::format("(g+1)(h+1)-1 = ({}+1)({}+1)-1 = {}", g, *h, (g + 1) * (*h + 1) - 1);
    std::size_t sum = g;
    std::string numbers = std::to_string(g);
    for (auto const& step : shape.steps) {
        numbers += fmt::format(" + {}", step.ept.size());
        sum += step.ept.size();
    }
    return fmt::format("g + h0 + ... + h{} = {} = {}", g, numbers, sum);
}

std::string describe_entry(record::WalkReference const& reference, PagingMode mode) {
    if (reference.dimension == Dimension::ept)
        return describe_ept_entry(reference.level, reference.entry);
    if (mode == PagingMode::bits_32)
        return describe_guest_entry(reference.level,
                                    X86Entry32{static_cast<std::uint32_t>(reference.entry)}, 10);
    return describe_guest_entry(reference.level, X86Entry{reference.entry}, 9);
}

} // namespace twofold::vmm
