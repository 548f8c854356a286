// One level of a TLB: arrays that each hold translations of some page sizes, for data,
// instructions or both.
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/model/associative_cache.hpp>
#include <twofold/model/context.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace twofold {

/// The sizes of page that TLBs distinguish. A 4 MiB page takes entries of 2 MiB.
inline constexpr std::array tlb_page_sizes{page_4k, page_2m, page_1g};

/// An array of a TLB and what may be kept in it.
struct TlbArrayShape {
    Geometry geometry;
    bool holds_4k = false;
    bool holds_2m = false;
    bool holds_1g = false;
    bool data = true;
    bool instructions = false;

    [[nodiscard]] constexpr bool holds(unsigned size_code) const {
        return size_code == 0 ? holds_4k : size_code == 1 ? holds_2m : holds_1g;
    }
    friend constexpr bool operator==(TlbArrayShape const&, TlbArrayShape const&) = default;
};

/// A level of at most `most_arrays` arrays; those without ways do not exist.
inline constexpr unsigned most_tlb_arrays = 5;
using TlbShape = std::array<TlbArrayShape, most_tlb_arrays>;

/// What a TLB entry says of a page.
struct TlbEntry {
    /// Where the page lies in host-physical memory.
    Hpa page;
    /// What both dimensions together allow.
    Permissions permissions;
    PageSize size = page_4k;
};

/// A translation that can be put into a TLB.
struct TlbFill {
    Gva gva;
    /// Where `gva` itself lies.
    Hpa hpa;
    /// The smaller of guest leaf and EPT leaf.
    PageSize size = page_4k;
    /// What both dimensions together allow.
    Permissions permissions;
};

template <std::uint32_t MostEntries>
class TlbLevel {
  public:
    constexpr explicit TlbLevel(TlbShape const& shape) : shape_(shape) {
        for (unsigned at = 0; at < most_tlb_arrays; ++at)
            arrays_[at] = Array{shape[at].geometry};
    }

    /// Looks up under `tag`, in the arrays for instructions or for data.
    [[nodiscard]] constexpr TlbEntry* find(Gva gva, Access access, TagNumber tag) {
        Probes const& probes = access == Access::execute ? instruction_ : data_;
        for (unsigned at = 0; at < probes.count; ++at) {
            Probe const& probe = probes.list[at];
            std::uint64_t const key =
                (gva.value() & probe.page_mask) | cache_key::low_bits(tag, probe.size_code);
            if (TlbEntry* const found = arrays_[probe.array].find(key, gva.value() >> probe.shift))
                return found;
        }
        return nullptr;
    }

    /// Keeps a translation that `find` did not find, as the largest size that an array has and that
    /// is not larger than the page.
    constexpr void insert(TlbFill const& fill, Access access, TagNumber tag) {
        bool const instruction = access == Access::execute;
        for (unsigned code = tlb_page_sizes.size(); code-- > 0;) {
            if (tlb_page_sizes[code] > fill.size) continue;
            auto const array = array_for(code, instruction);
            if (!array) continue;
            unsigned const shift = tlb_page_sizes[code].shift();
            arrays_[*array].insert(
                cache_key::make(fill.gva.value(), shift, cache_key::low_bits(tag, code)),
                fill.gva.value() >> shift,
                {fill.hpa.aligned_down(bit(shift)), fill.permissions, tlb_page_sizes[code]});
            if (shape_[*array].instructions) note_probe(instruction_, *array, code);
            if (shape_[*array].data) note_probe(data_, *array, code);
            return;
        }
    }

    /// Drops what translates `gva` under `tag`.
    constexpr void erase(Gva gva, TagNumber tag) {
        for (Probes const* const probes : {&data_, &instruction_}) {
            for (unsigned at = 0; at < probes->count; ++at) {
                Probe const& probe = probes->list[at];
                arrays_[probe.array].erase((gva.value() & probe.page_mask) |
                                               cache_key::low_bits(tag, probe.size_code),
                                           gva.value() >> probe.shift);
            }
        }
    }
    /// Drops entries for which `drop(key)` holds.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for (auto& array : arrays_)
            array.erase_if([&](std::uint64_t key, TlbEntry const&) { return drop(key); });
    }
    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_if(Predicate&& holds) const {
        std::uint32_t count = 0;
        for (auto const& array : arrays_)
            count += array.count_if([&](std::uint64_t key, TlbEntry const&) { return holds(key); });
        return count;
    }

  private:
    using Array = AssociativeCache<TlbEntry, MostEntries>;

    /// A place to look: one size in one array.
    struct Probe {
        std::uint64_t page_mask;
        std::uint32_t shift;
        std::uint16_t array;
        std::uint16_t size_code;
    };
    /// The places that hold, or held, something: the others need no look.
    struct Probes {
        std::array<Probe, most_tlb_arrays * tlb_page_sizes.size()> list{};
        unsigned count = 0;
    };

    [[nodiscard]] constexpr std::optional<unsigned> array_for(unsigned code,
                                                              bool instruction) const {
        for (unsigned at = 0; at < most_tlb_arrays; ++at) {
            TlbArrayShape const& array = shape_[at];
            if (array.geometry.ways != 0 && array.holds(code) &&
                (instruction ? array.instructions : array.data))
                return at;
        }
        return std::nullopt;
    }
    static constexpr void note_probe(Probes& probes, unsigned array, unsigned code) {
        for (unsigned at = 0; at < probes.count; ++at)
            if (probes.list[at].array == array && probes.list[at].size_code == code) return;
        unsigned const shift = tlb_page_sizes[code].shift();
        probes.list[probes.count++] = {~(bit(shift) - 1), shift, static_cast<std::uint16_t>(array),
                                       static_cast<std::uint16_t>(code)};
    }

    TlbShape shape_;
    std::array<Array, most_tlb_arrays> arrays_;
    Probes data_;
    Probes instruction_;
};

} // namespace twofold
