// A processor's translation of accesses, slow and obviously right: lists for caches, and of each
// cold walk, which is written out elsewhere, those references are struck out that the caches save.
// What the model is compared with.
#pragma once

#include "support/brute_force_walk.hpp"

#include <twofold/model/processor_shape.hpp>

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace twofold::test {

/// One list a set, the most recently used first. A key: how far addresses are shifted, and what is
/// left of the address.
class PlainLru {
  public:
    explicit PlainLru(Geometry geometry) : ways_(geometry.ways), sets_(geometry.sets) {}
    /// Whether it is there; it is used by this.
    bool touch(unsigned shift, std::uint64_t address) {
        auto& set = set_of(shift, address);
        auto const at = std::ranges::find(set, std::pair{shift, address >> shift});
        if (at == set.end()) return false;
        set.splice(set.begin(), set, at);
        return true;
    }
    void insert(unsigned shift, std::uint64_t address) {
        auto& set = set_of(shift, address);
        set.push_front({shift, address >> shift});
        if (set.size() > ways_) set.pop_back();
    }
    void drop(unsigned shift, std::uint64_t address) {
        set_of(shift, address).remove(std::pair{shift, address >> shift});
    }

  private:
    using Key = std::pair<unsigned, std::uint64_t>;
    std::list<Key>& set_of(unsigned shift, std::uint64_t address) {
        return sets_[(address >> shift) % sets_.size()];
    }
    std::size_t ways_;
    std::vector<std::list<Key>> sets_;
};

inline constexpr unsigned plain_shifts[] = {12, 21, 30};

class PlainTlb {
  public:
    explicit PlainTlb(TlbShape const& shape) : shape_(shape) {
        for (auto const& array : shape)
            arrays_.emplace_back(array.geometry);
    }
    /// The place of the page's size among plain_shifts.
    std::optional<unsigned> find(std::uint64_t gva, bool instruction) {
        for (std::size_t at = 0; at < arrays_.size(); ++at)
            for (unsigned code = 0; code < 3; ++code)
                if (serves(at, instruction) && shape_[at].holds(code) &&
                    arrays_[at].touch(plain_shifts[code], gva))
                    return code;
        return std::nullopt;
    }
    void insert(std::uint64_t gva, unsigned code, bool instruction) {
        for (unsigned smaller = code + 1; smaller-- > 0;)
            for (std::size_t at = 0; at < arrays_.size(); ++at)
                if (serves(at, instruction) && shape_[at].holds(smaller))
                    return arrays_[at].insert(plain_shifts[smaller], gva);
    }
    void drop(std::uint64_t gva) {
        for (auto& array : arrays_)
            for (unsigned const shift : plain_shifts)
                array.drop(shift, gva);
    }

  private:
    [[nodiscard]] bool serves(std::size_t at, bool instruction) const {
        return shape_[at].geometry.ways != 0 &&
               (instruction ? shape_[at].instructions : shape_[at].data);
    }
    TlbShape shape_;
    std::vector<PlainLru> arrays_;
};

class PlainStructures {
  public:
    PlainStructures(StructureShape const& shape, unsigned levels) : levels_(levels) {
        for (auto const geometry : shape)
            caches_.emplace_back(geometry);
    }
    /// The level at which a walk begins that these caches shorten.
    unsigned start(std::uint64_t address) {
        for (unsigned level = 2; level <= levels_; ++level)
            if (caches_[level - 2].touch(shift(level), address)) return level - 1;
        return levels_;
    }
    void insert(unsigned level, std::uint64_t address) {
        caches_[level - 2].insert(shift(level), address);
    }
    void drop(std::uint64_t address) {
        for (unsigned level = 2; level <= levels_; ++level)
            caches_[level - 2].drop(shift(level), address);
    }

  private:
    static unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
    unsigned levels_;
    std::vector<PlainLru> caches_;
};

/// A nested guest over a layout, with the caches of a shape.
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
        if (first_.find(gva, instruction)) {
            if (allowed(cold, access)) return End::first_level_hit;
            page_fault(gva);
        } else if (auto const code = second_.find(gva, instruction)) {
            if (allowed(cold, access)) {
                first_.insert(gva, *code, instruction);
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
        second_.insert(gva, code, instruction);
        first_.insert(gva, code, instruction);
        return End::walked;
    }
    [[nodiscard]] Counts const& counts() const { return counts_; }

  private:
    static bool guest_allows(PlainWalk const& walk, Access access) {
        return access == Access::read || walk.guest_allowed[access == Access::write ? 0 : 1];
    }
    static bool allowed(PlainWalk const& walk, Access access) {
        return guest_allows(walk, access) && walk.ept_allowed[static_cast<unsigned>(access)];
    }
    void page_fault(std::uint64_t gva) {
        first_.drop(gva);
        second_.drop(gva);
        structures_.drop(gva);
    }
    void ept_violation(std::uint64_t gpa) {
        for (unsigned const shift : plain_shifts)
            nested_.drop(shift, gpa);
        ept_structures_.drop(gpa);
    }

    /// Strikes out what the caches save and counts the rest. Returns the last gpa that EPT was
    /// asked for.
    std::uint64_t walk(std::uint64_t gva, PlainWalk const& cold) {
        unsigned const start = structures_.start(gva);
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
            if (level < start) structures_.insert(level + 1, gva);
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
        if (leaf && !ends_in_fault(last)) nested_.insert(12 + 9 * (last.level - 1), gpa);
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
};

} // namespace twofold::test
