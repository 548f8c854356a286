// One level of a TLB: arrays that each hold translations of some page sizes, for data,
// instructions or both.
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/model/associative_cache.hpp>
#include <twofold/model/context.hpp>

#include <array>
#include <bit>
#include <cstdint>

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

/// The kinds of access that a cached translation allows, in one word.
class AllowedAccesses {
  public:
    constexpr AllowedAccesses() = default;
    /// Permissions lie a byte each in memory: the multiplication moves their bits side by side.
    constexpr AllowedAccesses(Permissions permissions)
        : flags_(std::bit_cast<std::uint32_t>(permissions) * 0x0020'4081 >> 21 & 0xf) {}

    [[nodiscard]] constexpr bool allow(Access access) const {
        return (flags_ >> static_cast<unsigned>(access) & 1) != 0;
    }
    [[nodiscard]] constexpr Permissions permissions() const {
        return std::bit_cast<Permissions>(flags_ * 0x0020'4081 & 0x0101'0101);
    }
    [[nodiscard]] constexpr std::uint32_t flags() const { return flags_; }
    /// What `flags` yielded.
    static constexpr AllowedAccesses of_flags(std::uint32_t flags) {
        AllowedAccesses allowed;
        allowed.flags_ = flags;
        return allowed;
    }
    friend constexpr AllowedAccesses operator&(AllowedAccesses a, AllowedAccesses b) {
        a.flags_ &= b.flags_;
        return a;
    }

  private:
    /// A bit for each kind of access, at its number; bit 3: user.
    std::uint32_t flags_ = 0;
};
static_assert(AllowedAccesses{Permissions{.write = true}}.allow(Access::write) &&
              !AllowedAccesses{Permissions{.write = true}}.allow(Access::read));

/// What a TLB entry says of a page.
struct TlbEntry {
    /// Where the page lies in host-physical memory.
    Hpa page;
    /// What both dimensions together allow.
    AllowedAccesses allowed;
    PageSize size = page_4k;
    /// The place of `size` among tlb_page_sizes.
    std::uint8_t size_code = 0;
};

/// A translation that can be put into a TLB.
struct TlbFill {
    Gva gva;
    /// Where `gva` itself lies.
    Hpa hpa;
    /// The smaller of guest leaf and EPT leaf.
    PageSize size = page_4k;
    /// What both dimensions together allow.
    AllowedAccesses allowed;
};

template <std::uint32_t MostEntries>
class TlbLevel {
    /// The code of no size: nothing is kept under it, so that a probe of it finds nothing.
    static constexpr std::uint32_t no_size = 3;

  public:
    constexpr explicit TlbLevel(TlbShape const& shape) : shape_(shape) {
        for (unsigned at = 0; at < most_tlb_arrays; ++at)
            arrays_[at].reshape(shape[at].geometry);
        for (unsigned code = 0; code < tlb_page_sizes.size(); ++code) {
            places_[0][code] = place_of(code, false);
            places_[1][code] = place_of(code, true);
        }
        data_.list[0].array = instruction_.list[0].array = &arrays_[0];
    }

    TlbLevel(TlbLevel const&) = delete;
    TlbLevel& operator=(TlbLevel const&) = delete;

    /// Looks up under `tag`, in the arrays for instructions or for data.
    [[nodiscard, gnu::always_inline]] constexpr TlbEntry* find(Gva gva, Access access,
                                                               TagNumber tag) {
        Probes& probes = access == Access::execute ? instruction_ : data_;
        // The list ends with a probe of no array, and begins with one that may be of an empty one.
        Probe const* probe = probes.list.data();
        do {
            std::uint64_t const key =
                (gva.value() & probe->page_mask) | cache_key::low_bits(tag, probe->size_code);
            auto const set = probe->array->set_of(gva.value(), probe->rotation);
            if (TlbEntry* const found = probe->array->find_in(set, key)) return found;
        } while ((++probe)->array != nullptr);
        return nullptr;
    }

    /// Keeps a translation that `find` did not find, as the largest size that an array has and that
    /// is not larger than the page.
    [[gnu::always_inline]] constexpr void insert(TlbFill const& fill, Access access,
                                                 TagNumber tag) {
        Place const& place = places_[access == Access::execute ? 1 : 0][code_of(fill.size)];
        if (place.array == nullptr) return;
        insert_at(place, fill.gva, tag,
                  {fill.hpa.aligned_down(bit(place.shift)), fill.allowed, PageSize{place.shift},
                   place.size_code});
    }
    /// The same for a page of 4 KiB: of it nearly all is a constant.
    [[gnu::always_inline]] constexpr void insert_4k(Gva gva, Hpa page, AllowedAccesses allowed,
                                                    Access access, TagNumber tag) {
        Place const& place = places_[access == Access::execute ? 1 : 0][0];
        if (place.array == nullptr) return;
        place.array->insert_in(place.array->set_of(gva.value(), place.rotation),
                               cache_key::make(gva.value(), page_4k.shift(), tag),
                               {page, allowed, page_4k, 0});
        if (!probed_[0]) [[unlikely]]
            add_probes(0);
    }
    /// Keeps what another level has of `gva`.
    [[gnu::always_inline]] constexpr void copy(Gva gva, TlbEntry const& entry, Access access,
                                               TagNumber tag) {
        Place const& place = places_[access == Access::execute ? 1 : 0][entry.size_code];
        if (place.array == nullptr) return;
        if (place.size_code == entry.size_code) [[likely]]
            return insert_at(place, gva, tag, entry);
        insert({gva, entry.page + gva.offset_in(entry.size.bytes()), entry.size, entry.allowed},
               access, tag);
    }

    using Array = AssociativeCache<TlbEntry, MostEntries>;
    /// A place to look: one size in one array.
    struct Probe {
        std::uint64_t page_mask = 0;
        Array* array = nullptr;
        std::uint32_t rotation = 0;
        std::uint32_t size_code = no_size;
    };
    /// Where data accesses look while that is one place; it stays so until a page of another size
    /// is put in.
    [[nodiscard]] constexpr Probe const* only_data_probe() const {
        return data_.count == 1 ? &data_.list[0] : nullptr;
    }

    /// Drops what translates `gva` under `tag`.
    constexpr void erase(Gva gva, TagNumber tag) {
        for (Probes const* const probes : {&data_, &instruction_}) {
            for (unsigned at = 0; at < probes->count; ++at) {
                Probe const& probe = probes->list[at];
                probe.array->erase_in(probe.array->set_of(gva.value(), probe.rotation),
                                      (gva.value() & probe.page_mask) |
                                          cache_key::low_bits(tag, probe.size_code));
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
    [[nodiscard]] constexpr std::uint32_t count_if(Predicate&& holds) {
        std::uint32_t count = 0;
        for (auto& array : arrays_)
            count += array.count_if([&](std::uint64_t key, TlbEntry const&) { return holds(key); });
        return count;
    }

  private:
    /// The places that hold, or held, something: the others need no look.
    struct Probes {
        std::array<Probe, most_tlb_arrays * tlb_page_sizes.size() + 1> list{};
        unsigned count = 0;
    };

    /// Where a page of some size is kept: whole, or the piece of it that was touched.
    struct Place {
        Array* array = nullptr;
        std::uint64_t page_mask = 0;
        std::uint32_t rotation = 0;
        std::uint8_t shift = 0;
        std::uint8_t size_code = 0;
    };
    [[gnu::always_inline]] constexpr void insert_at(Place const& place, Gva gva, TagNumber tag,
                                                    TlbEntry const& entry) {
        place.array->insert_in(
            place.array->set_of(gva.value(), place.rotation),
            (gva.value() & place.page_mask) | cache_key::low_bits(tag, place.size_code), entry);
        if (!probed_[place.size_code]) [[unlikely]]
            add_probes(place.size_code);
    }
    static constexpr unsigned code_of(PageSize size) {
        return size >= page_1g ? 2 : size >= page_2m ? 1 : 0;
    }
    static constexpr Place place_in(Array& array, unsigned code) {
        unsigned const shift = tlb_page_sizes[code].shift();
        return {&array, ~(bit(shift) - 1), array.rotation(shift), static_cast<std::uint8_t>(shift),
                static_cast<std::uint8_t>(code)};
    }
    [[nodiscard]] constexpr Place place_of(unsigned code, bool instruction) {
        for (unsigned smaller = code + 1; smaller-- > 0;) {
            for (unsigned at = 0; at < most_tlb_arrays; ++at) {
                TlbArrayShape const& array = shape_[at];
                if (array.geometry.ways != 0 && array.holds(smaller) &&
                    (instruction ? array.instructions : array.data))
                    return place_in(arrays_[at], smaller);
            }
        }
        return {};
    }
    /// From now on pages of this size are looked for, in every array that may hold them.
    [[gnu::noinline]] constexpr void add_probes(unsigned code) {
        probed_[code] = true;
        unsigned const shift = tlb_page_sizes[code].shift();
        for (unsigned at = 0; at < most_tlb_arrays; ++at) {
            if (shape_[at].geometry.ways == 0 || !shape_[at].holds(code)) continue;
            Probe const probe{~(bit(shift) - 1), &arrays_[at], arrays_[at].rotation(shift), code};
            if (shape_[at].instructions) instruction_.list[instruction_.count++] = probe;
            if (shape_[at].data) data_.list[data_.count++] = probe;
        }
    }

    TlbShape shape_;
    std::array<Array, most_tlb_arrays> arrays_;
    std::array<std::array<Place, tlb_page_sizes.size()>, 2> places_{};
    std::array<bool, tlb_page_sizes.size()> probed_{};
    Probes data_;
    Probes instruction_;
};

} // namespace twofold
