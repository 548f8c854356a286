// Guest-physical mappings: what is cached of the second dimension alone, tagged by EP4TA.
#pragma once

#include <twofold/model/structure_cache.hpp>
#include <twofold/model/tlb.hpp>

#include <cstdint>
#include <optional>

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

    /// Where a gpa itself lies, and the page that it lies on.
    struct Found {
        Hpa hpa;
        PageSize size;
        Permissions permissions;
    };
    [[nodiscard]] constexpr std::optional<Found> find(Gpa gpa, TagNumber tag) {
        for (unsigned code = 0; code < tlb_page_sizes.size(); ++code) {
            if (!sizes_seen_[code]) continue;
            PageSize const size = tlb_page_sizes[code];
            auto const key =
                cache_key::make(gpa.value(), size.shift(), cache_key::low_bits(tag, code));
            if (auto const* const entry = nested_tlb_.find(key, gpa.value() >> size.shift()))
                return Found{entry->page + gpa.offset_in(size.bytes()), size,
                             entry->allowed.permissions()};
        }
        return std::nullopt;
    }
    /// Keeps what `find` did not find.
    constexpr void insert(Gpa gpa, TagNumber tag, Translation<Hpa> const& found) {
        unsigned code = 0;
        while (tlb_page_sizes[code] != found.page_size)
            if (++code == tlb_page_sizes.size()) return;
        sizes_seen_[code] = true;
        unsigned const shift = found.page_size.shift();
        nested_tlb_.insert(cache_key::make(gpa.value(), shift, cache_key::low_bits(tag, code)),
                           gpa.value() >> shift,
                           {found.address.aligned_down(bit(shift)),
                            AllowedAccesses{found.permissions}, found.page_size});
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
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        nested_tlb_.erase_if([&](std::uint64_t key, TlbEntry const&) {
            return drop(key, tlb_page_sizes[cache_key::size_code(key)].shift());
        });
        structures_.erase_if(drop);
    }

    AssociativeCache<TlbEntry, most_nested_entries> nested_tlb_;
    StructureCaches<Hpa> structures_;
    std::array<bool, tlb_page_sizes.size()> sizes_seen_{};
};

} // namespace twofold
