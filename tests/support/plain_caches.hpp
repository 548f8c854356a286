// Translation caches as lists, slow and obviously right: what a plain simulator keeps.
#pragma once

#include <twofold/model/processor_shape.hpp>

#include <algorithm>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

namespace twofold::test {

/// What a plain cache keeps: an address of which 2^shift bytes are covered, for a PCID or for all.
struct PlainKept {
    unsigned shift;
    std::uint64_t address;
    unsigned pcid = 0;
    bool global = false;
    /// Of translations: the guest's whole page.
    unsigned page_shift = 0;

    [[nodiscard]] bool translates(unsigned by, std::uint64_t other, unsigned under) const {
        return shift == by && (address ^ other) >> shift == 0 && (global || pcid == under);
    }
    [[nodiscard]] bool in_page_of(std::uint64_t other) const {
        return (address ^ other) >> std::max(shift, page_shift) == 0;
    }
};

/// One list a set, the most recently used first.
class PlainLru {
  public:
    explicit PlainLru(Geometry geometry) : ways_(geometry.ways), sets_(geometry.sets) {}
    /// Whether it is there; it is used by this.
    bool touch(unsigned shift, std::uint64_t address, unsigned pcid = 0) {
        auto& set = set_of(shift, address);
        auto const at = std::ranges::find_if(
            set, [&](PlainKept const& kept) { return kept.translates(shift, address, pcid); });
        if (at == set.end()) return false;
        set.splice(set.begin(), set, at);
        return true;
    }
    void insert(PlainKept const& kept) {
        auto& set = set_of(kept.shift, kept.address);
        set.push_front(kept);
        if (set.size() > ways_) set.pop_back();
    }
    void drop(unsigned shift, std::uint64_t address, unsigned pcid = 0) {
        set_of(shift, address).remove_if([&](PlainKept const& kept) {
            return kept.translates(shift, address, pcid);
        });
    }
    void drop_if(auto const& drops) {
        for (auto& set : sets_)
            set.remove_if(drops);
    }

  private:
    std::list<PlainKept>& set_of(unsigned shift, std::uint64_t address) {
        return sets_[(address >> shift) % sets_.size()];
    }
    std::size_t ways_;
    std::vector<std::list<PlainKept>> sets_;
};

inline constexpr unsigned plain_shifts[] = {12, 21, 30};

class PlainTlb {
  public:
    explicit PlainTlb(TlbShape const& shape) : shape_(shape) {
        for (auto const& array : shape)
            arrays_.emplace_back(array.geometry);
    }
    /// The place of the page's size among plain_shifts.
    std::optional<unsigned> find(std::uint64_t gva, bool instruction, unsigned pcid = 0) {
        for (std::size_t at = 0; at < arrays_.size(); ++at)
            for (unsigned code = 0; code < 3; ++code)
                if (serves(at, instruction) && shape_[at].holds(code) &&
                    arrays_[at].touch(plain_shifts[code], gva, pcid))
                    return code;
        return std::nullopt;
    }
    /// `of` says all but how much of the page is kept: of a page of `code` what an array holds.
    void insert(PlainKept of, unsigned code, bool instruction) {
        for (unsigned smaller = code + 1; smaller-- > 0;)
            for (std::size_t at = 0; at < arrays_.size(); ++at)
                if (serves(at, instruction) && shape_[at].holds(smaller)) {
                    of.shift = plain_shifts[smaller];
                    return arrays_[at].insert(of);
                }
    }
    void drop(std::uint64_t gva, unsigned pcid = 0) {
        for (auto& array : arrays_)
            for (unsigned const shift : plain_shifts)
                array.drop(shift, gva, pcid);
    }
    void drop_if(auto const& drops) {
        for (auto& array : arrays_)
            array.drop_if(drops);
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
    unsigned start(std::uint64_t address, unsigned pcid = 0) {
        for (unsigned level = 2; level <= levels_; ++level)
            if (caches_[level - 2].touch(shift(level), address, pcid)) return level - 1;
        return levels_;
    }
    void insert(unsigned level, std::uint64_t address, unsigned pcid = 0) {
        caches_[level - 2].insert({shift(level), address, pcid});
    }
    void drop(std::uint64_t address, unsigned pcid = 0) {
        for (unsigned level = 2; level <= levels_; ++level)
            caches_[level - 2].drop(shift(level), address, pcid);
    }
    void drop_if(auto const& drops) {
        for (auto& cache : caches_)
            cache.drop_if(drops);
    }

  private:
    static unsigned shift(unsigned level) { return 12 + 9 * (level - 1); }
    unsigned levels_;
    std::vector<PlainLru> caches_;
};

} // namespace twofold::test
