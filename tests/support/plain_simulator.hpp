// A processor's translation of accesses, slow and obviously right: lists for caches, and of each
// cold walk, which is written out elsewhere, those references are struck out that the caches save.
// What the model is compared with.
#pragma once

#include "support/brute_force_walk.hpp"
#include "support/plain_caches.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace twofold::test {

/// A nested guest over a layout, with the caches of a shape. It has one VPID.
class PlainSimulator {
  public:
    enum class End : std::uint8_t { first_level_hit, second_level_hit, walked, faulted };
    /// References by dimension and level.
    using Counts = std::map<std::pair<char, unsigned>, std::uint64_t>;

    PlainSimulator(RandomLayout const& layout, ProcessorShape const& shape)
        : layout_(layout), brute_(layout), first_(shape.first_level), second_(shape.second_level),
          structures_(shape.structures, layout.guest_levels),
          nested_(shape.guest_physical.nested_tlb),
          ept_structures_(shape.guest_physical.structures, layout.ept_levels) {}

    End access(std::uint64_t gva, Access access) {
        bool const instruction = access == Access::execute;
        PlainWalk const cold = brute_.walk(gva);
        PlainKept const translation{0, gva, pcid_, global(cold), cold.guest_shift};
        if (first_.find(gva, instruction, pcid_)) {
            if (allowed(cold, access)) return End::first_level_hit;
            page_fault(gva);
        } else if (auto const code = second_.find(gva, instruction, pcid_)) {
            if (allowed(cold, access)) {
                first_.insert(translation, *code, instruction);
                return End::second_level_hit;
            }
            page_fault(gva);
        }
        std::uint64_t const gpa = walk(gva, cold);
        if (!cold.fault.empty() || !allowed(cold, access)) {
            bool const by_guest =
                cold.fault.empty() ? !guest_allows(cold, access) : cold.fault[0] == 'g';
            if (!by_guest) ept_violation(gpa);
            page_fault(gva);
            return End::faulted;
        }
        unsigned const shift = std::min(cold.guest_shift, cold.host_shift);
        unsigned const code = shift >= 30 ? 2 : shift >= 21 ? 1 : 0;
        second_.insert(translation, code, instruction);
        first_.insert(translation, code, instruction);
        return End::walked;
    }
    [[nodiscard]] Counts const& counts() const { return counts_; }

    void run_under(unsigned pcid) { pcid_ = pcid; }
    void invlpg(std::uint64_t gva) {
        drop_translations([=, this](PlainKept const& kept) {
            return (kept.global || kept.pcid == pcid_) && kept.in_page_of(gva);
        });
        structures_.drop_if([=, this](PlainKept const& kept) { return kept.pcid == pcid_; });
    }
    /// What a PCID holds, or of it what translates `gva`; global translations stay.
    void drop_pcid(unsigned pcid, std::optional<std::uint64_t> gva = std::nullopt) {
        auto const drops = [=](PlainKept const& kept) {
            return !kept.global && kept.pcid == pcid && (!gva || kept.in_page_of(*gva));
        };
        drop_translations(drops);
        structures_.drop_if(drops);
    }
    /// What every PCID holds, or of it what translates `gva`.
    void drop_pcids(bool globals_too, std::optional<std::uint64_t> gva = std::nullopt) {
        auto const drops = [=](PlainKept const& kept) {
            return (globals_too || !kept.global) && (!gva || kept.in_page_of(*gva));
        };
        drop_translations(drops);
        structures_.drop_if(drops);
    }
    void drop_guest_physical() {
        auto const all = [](PlainKept const&) { return true; };
        nested_.drop_if(all);
        ept_structures_.drop_if(all);
    }

  private:
    void drop_translations(auto const& drops) {
        first_.drop_if(drops);
        second_.drop_if(drops);
    }
    /// Whether the guest's leaf has the G bit.
    static bool global(PlainWalk const& walk) {
        std::uint64_t leaf = 0;
        for (auto const& reference : walk.references)
            if (reference.dimension == 'g') leaf = reference.entry;
        return walk.fault.empty() && (leaf & 0x100) != 0;
    }
    static bool guest_allows(PlainWalk const& walk, Access access) {
        return access == Access::read || walk.guest_allowed[access == Access::write ? 0 : 1];
    }
    static bool allowed(PlainWalk const& walk, Access access) {
        return guest_allows(walk, access) && walk.ept_allowed[static_cast<unsigned>(access)];
    }
    void page_fault(std::uint64_t gva) {
        first_.drop(gva, pcid_);
        second_.drop(gva, pcid_);
        structures_.drop(gva, pcid_);
    }
    void ept_violation(std::uint64_t gpa) {
        for (unsigned const shift : plain_shifts)
            nested_.drop(shift, gpa);
        ept_structures_.drop(gpa);
    }

    /// Strikes out what the caches save and counts the rest. Returns the last gpa that EPT was
    /// asked for.
    std::uint64_t walk(std::uint64_t gva, PlainWalk const& cold) {
        unsigned const start = structures_.start(gva, pcid_);
        std::uint64_t table = layout_.guest_root;
        std::uint64_t gpa = 0;
        auto next = cold.references.begin();
        auto const end = cold.references.end();
        for (unsigned level = layout_.guest_levels; next != end; --level) {
            unsigned const shift = 12 + 9 * (level - 1);
            gpa = level == 0 ? table : table + 8 * (gva >> shift & 511);
            std::vector<PlainReference> ept;
            while (next != end && next->dimension == 'e')
                ept.push_back(*next++);
            // A table that a structure cache knows is not translated.
            if (level < start || start == layout_.guest_levels) translate(gpa, ept);
            if (next == end) return gpa;
            std::uint64_t const entry = next->entry;
            bool const leaf = level == 1 || (entry & 0x80) != 0;
            if (level < start) structures_.insert(level + 1, gva, pcid_);
            if (level <= start) ++counts_[{'g', level}];
            ++next;
            table = entry & 0x000f'ffff'ffff'f000;
            if (!leaf) continue;
            std::uint64_t const offset = (1ULL << shift) - 1;
            table = (table & ~offset) | (gva & offset);
            level = 1;
        }
        return gpa;
    }
    void translate(std::uint64_t gpa, std::vector<PlainReference> const& ept) {
        for (unsigned const shift : plain_shifts)
            if (nested_.touch(shift, gpa)) return;
        unsigned const start = ept_structures_.start(gpa);
        for (auto const& reference : ept) {
            if (reference.level > start) continue;
            if (reference.level < start) ept_structures_.insert(reference.level + 1, gpa);
            ++counts_[{'e', reference.level}];
        }
        auto const& last = ept.back();
        bool const leaf = last.level == 1 || (last.entry & 0x80) != 0;
        if (leaf && !ends_in_fault(last)) nested_.insert({12 + 9 * (last.level - 1), gpa});
    }
    /// Whether EPT cannot go on after this entry, as the cold walk found.
    [[nodiscard]] bool ends_in_fault(PlainReference const& last) const {
        return last.level > 3 || (last.entry & 7) == 0 ||
               BruteForceWalk::malformed(last.entry, last.level);
    }

    RandomLayout const& layout_;
    BruteForceWalk brute_;
    PlainTlb first_;
    PlainTlb second_;
    PlainStructures structures_;
    PlainLru nested_;
    PlainStructures ept_structures_;
    Counts counts_;
    unsigned pcid_ = 0;
};

} // namespace twofold::test
