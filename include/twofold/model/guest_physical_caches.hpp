// Guest-physical mappings: what is cached of the second dimension alone, tagged by EP4TA.
#pragma once

#include <twofold/model/structure_cache.hpp>
#include <twofold/model/tlb.hpp>

#include <cstdint>

namespace twofold {

/// The nested TLB holds translations of gpas; the structure caches hold EPT entries that lead to
/// tables.
struct GuestPhysicalShape {
    Geometry nested_tlb;
    StructureShape structures{};
};

class GuestPhysicalCaches {
  public:
    static constexpr std::uint32_t most_nested_entries = 1024;

    constexpr explicit GuestPhysicalCaches(GuestPhysicalShape const& shape)
        : nested_tlb_(shape.nested_tlb), structures_(shape.structures) {}

    /// Whether RowsKnown::one_to_four holds for all that is in here.
    [[nodiscard]] constexpr bool one_to_four() const {
        return nested_tlb_.one_to_four() && structures_.one_to_four();
    }

    /// Where `find` looked for a page of 4 KiB.
    struct Missed {
        AssociativeCache<TlbEntry, most_nested_entries>::Set set = nullptr;
        std::uint64_t key = 0;
    };
    /// Where the page of a gpa lies; null if that is not known.
    template <RowsKnown Rows>
    [[nodiscard, gnu::always_inline]] constexpr TlbEntry const* find(Gpa gpa, TagNumber tag,
                                                                     Missed& missed) {
        missed = {nested_tlb_.set_of(gpa.value(), rotation_4k_),
                  cache_key::make(gpa.value(), page_4k.shift(), tag)};
        if (auto const* const entry = nested_tlb_.template find_in<Rows>(missed.set, missed.key))
            return entry;
        return larger_seen_ ? find_larger<Rows>(gpa, tag) : nullptr;
    }
    /// Keeps what `find` did not find: a page of one of tlb_page_sizes.
    template <RowsKnown Rows>
    [[gnu::always_inline]] constexpr void insert(Missed const& missed, Gpa gpa, TagNumber tag,
                                                 Hpa hpa, PageSize size, AllowedAccesses allowed) {
        if (Rows == RowsKnown::any && !nested_tlb_.exists()) return;
        if (size == page_4k) [[likely]]
            return nested_tlb_.template insert_in<Rows>(
                missed.set, missed.key, {hpa.aligned_down(page_4k.bytes()), allowed, page_4k, 0});
        larger_seen_ = true;
        if (size == page_2m) return insert_page<1, Rows>(gpa, tag, hpa, allowed);
        insert_page<2, Rows>(gpa, tag, hpa, allowed);
    }

    [[nodiscard]] constexpr StructureCaches<Hpa>& structures() { return structures_; }
    [[nodiscard]] constexpr StructureCaches<Hpa> const& structures() const { return structures_; }

    /// INVEPT of one EP4TA.
    constexpr void drop_tag(TagNumber tag) {
        erase_if([=](std::uint64_t key, unsigned) { return cache_key::tag(key) == tag; });
    }
    constexpr void drop_all() {
        erase_if([](std::uint64_t, unsigned) { return true; });
    }
    /// What an EPT violation at `gpa` drops.
    constexpr void drop_gpa(Gpa gpa, TagNumber tag) {
        for (unsigned code = 0; code < tlb_page_sizes.size(); ++code) {
            unsigned const shift = tlb_page_sizes[code].shift();
            nested_tlb_.erase(cache_key::make(gpa.value(), shift, cache_key::low_bits(tag, code)),
                              gpa.value() >> shift);
        }
        structures_.erase(gpa.value(), tag);
    }

    template <class Predicate>
    [[nodiscard]] constexpr std::uint32_t count_nested_if(Predicate&& holds) {
        return nested_tlb_.count_if([&](std::uint64_t key, auto const&) { return holds(key); });
    }

  private:
    /// Pages of the size whose code this is, each its own instance: all of a size is a constant.
    template <unsigned Code, RowsKnown Rows>
    [[gnu::always_inline]] constexpr TlbEntry const* find_page(Gpa gpa, TagNumber tag) {
        constexpr unsigned shift = tlb_page_sizes[Code].shift();
        return nested_tlb_.template find_in<Rows>(
            nested_tlb_.set_of(gpa.value(), nested_tlb_.rotation(shift)),
            cache_key::make(gpa.value(), shift, cache_key::low_bits(tag, Code)));
    }
    template <RowsKnown Rows>
    [[gnu::noinline]] constexpr TlbEntry const* find_larger(Gpa gpa, TagNumber tag) {
        if (auto const* const entry = find_page<1, Rows>(gpa, tag)) return entry;
        return find_page<2, Rows>(gpa, tag);
    }
    template <unsigned Code, RowsKnown Rows>
    [[gnu::always_inline]] constexpr void insert_page(Gpa gpa, TagNumber tag, Hpa hpa,
                                                      AllowedAccesses allowed) {
        constexpr PageSize size = tlb_page_sizes[Code];
        nested_tlb_.template insert_in<Rows>(
            nested_tlb_.set_of(gpa.value(), nested_tlb_.rotation(size.shift())),
            cache_key::make(gpa.value(), size.shift(), cache_key::low_bits(tag, Code)),
            {hpa.aligned_down(size.bytes()), allowed, size, std::uint8_t{Code}});
    }

    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        nested_tlb_.erase_if([&](std::uint64_t key, TlbEntry const&) {
            return drop(key, tlb_page_sizes[cache_key::size_code(key)].shift());
        });
        structures_.erase_if(drop);
    }

    AssociativeCache<TlbEntry, most_nested_entries> nested_tlb_;
    std::uint32_t rotation_4k_ = nested_tlb_.rotation(page_4k.shift());
    StructureCaches<Hpa> structures_;
    /// Pages above 4 KiB: if not, none of them needs to be looked for.
    bool larger_seen_ = false;
};

} // namespace twofold
