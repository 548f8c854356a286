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
    /// Of the first dimension's leaf, which may be larger: this is then a piece of it.
    PageSize guest_page = page_4k;
    /// Used under every PCID.
    bool global = false;
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
    /// The guest leaf, and whether it is global.
    PageSize guest_page = page_4k;
    bool global = false;
};

/// The tags under which translations are kept and found: those of the current PCID, and the global
/// ones, which are used under every PCID.
struct TlbTags {
    TagNumber own = 0;
    TagNumber global = 0;

    [[nodiscard]] constexpr TagNumber of(bool is_global) const { return is_global ? global : own; }
};

template <std::uint32_t MostEntries>
class TlbLevel {
    /// The code of no size: nothing is kept under it, so that a probe of it finds nothing.
    static constexpr std::uint16_t no_size = 3;

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

    /// Looks up under `tags`, in the arrays for instructions or for data.
    [[nodiscard, gnu::always_inline]] constexpr TlbEntry* find(Gva gva, Access access,
                                                               TlbTags tags) {
        Probes& probes = access == Access::execute ? instruction_ : data_;
        // The list ends with a probe of no array, and begins with one that may be of an empty one.
        Probe const* probe = probes.list.data();
        do {
            auto const set = probe->array->set_of(gva.value(), probe->rotation);
            if (TlbEntry* const found = probe->array->find_in(set, probe->key(gva, tags)))
                return found;
        } while ((++probe)->array != nullptr);
        return nullptr;
    }

    /// Keeps a translation that `find` did not find, as the largest size that an array has and that
    /// is not larger than the page.
    [[gnu::always_inline]] constexpr void insert(TlbFill const& fill, Access access, TlbTags tags) {
        Place const& place = places_[access == Access::execute ? 1 : 0][code_of(fill.size)];
        if (place.array == nullptr) return;
        insert_at(place, fill.gva, tags,
                  {fill.hpa.aligned_down(bit(place.shift)), fill.allowed, PageSize{place.shift},
                   place.size_code, fill.guest_page, fill.global});
    }
    /// The same for a page of 4 KiB that is not global: of it nearly all is a constant.
    [[gnu::always_inline]] constexpr void insert_4k(Gva gva, TlbEntry const& entry, Access access,
                                                    TagNumber tag) {
        Place const& place = places_[access == Access::execute ? 1 : 0][0];
        if (place.array == nullptr) return;
        place.array->insert_in(place.array->set_of(gva.value(), place.rotation),
                               cache_key::make(gva.value(), page_4k.shift(), tag), entry);
        if (!probed_[0][0]) [[unlikely]]
            add_probes(0, false);
    }
    /// Keeps what another level has of `gva`.
    [[gnu::always_inline]] constexpr void copy(Gva gva, TlbEntry const& entry, Access access,
                                               TlbTags tags) {
        Place const& place = places_[access == Access::execute ? 1 : 0][entry.size_code];
        if (place.array == nullptr) return;
        if (place.size_code == entry.size_code) [[likely]]
            return insert_at(place, gva, tags, entry);
        insert({gva, entry.page + gva.offset_in(entry.size.bytes()), entry.size, entry.allowed,
                entry.guest_page, entry.global},
               access, tags);
    }

    using Array = AssociativeCache<TlbEntry, MostEntries>;
    /// A place to look: one size in one array, global translations or others.
    struct Probe {
        std::uint64_t page_mask = 0;
        Array* array = nullptr;
        std::uint32_t rotation = 0;
        std::uint16_t size_code = no_size;
        bool global = false;

        [[nodiscard, gnu::always_inline]] constexpr std::uint64_t low_bits(TlbTags tags) const {
            return cache_key::low_bits(tags.of(global), size_code);
        }
        [[nodiscard, gnu::always_inline]] constexpr std::uint64_t key(Gva gva, TlbTags tags) const {
            return (gva.value() & page_mask) | low_bits(tags);
        }
    };
    /// Where data accesses look while that is one place; it stays so until a page of another size
    /// is put in, or the first global one.
    [[nodiscard]] constexpr Probe const* only_data_probe() const {
        return data_.count == 1 ? &data_.list[0] : nullptr;
    }

    /// Drops what translates `gva` under `tags`.
    constexpr void erase(Gva gva, TlbTags tags) {
        for (Probes const* const probes : {&data_, &instruction_}) {
            for (unsigned at = 0; at < probes->count; ++at) {
                Probe const& probe = probes->list[at];
                probe.array->erase_in(probe.array->set_of(gva.value(), probe.rotation),
                                      probe.key(gva, tags));
            }
        }
    }
    /// Drops entries for which `drop(key, entry)` holds.
    template <class Predicate>
    constexpr void erase_if(Predicate&& drop) {
        for (auto& array : arrays_)
            array.erase_if(drop);
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
        std::array<Probe, most_tlb_arrays * tlb_page_sizes.size() * 2 + 1> list{};
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
    [[gnu::always_inline]] constexpr void insert_at(Place const& place, Gva gva, TlbTags tags,
                                                    TlbEntry const& entry) {
        place.array->insert_in(place.array->set_of(gva.value(), place.rotation),
                               (gva.value() & place.page_mask) |
                                   cache_key::low_bits(tags.of(entry.global), place.size_code),
                               entry);
        if (!probed_[entry.global ? 1 : 0][place.size_code]) [[unlikely]]
            add_probes(place.size_code, entry.global);
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
    /// From now on such pages are looked for, in every array that may hold them.
    [[gnu::noinline]] constexpr void add_probes(unsigned code, bool global) {
        probed_[global ? 1 : 0][code] = true;
        list_probes(data_, &TlbArrayShape::data);
        list_probes(instruction_, &TlbArrayShape::instructions);
    }
    /// Array by array, and in each the smaller pages first: where a page is held whole and in
    /// pieces, this says which of them an access uses.
    constexpr void list_probes(Probes& probes, bool TlbArrayShape::*serves) {
        probes.count = 0;
        for (unsigned at = 0; at < most_tlb_arrays; ++at) {
            if (shape_[at].geometry.ways == 0 || !(shape_[at].*serves)) continue;
            for (unsigned code = 0; code < tlb_page_sizes.size(); ++code) {
                if (!shape_[at].holds(code)) continue;
                for (bool const global : {false, true})
                    if (probed_[global ? 1 : 0][code])
                        probes.list[probes.count++] = probe_of(at, code, global);
            }
        }
    }
    [[nodiscard]] constexpr Probe probe_of(unsigned at, unsigned code, bool global) {
        unsigned const shift = tlb_page_sizes[code].shift();
        return {~(bit(shift) - 1), &arrays_[at], arrays_[at].rotation(shift),
                static_cast<std::uint16_t>(code), global};
    }

    TlbShape shape_;
    std::array<Array, most_tlb_arrays> arrays_;
    std::array<std::array<Place, tlb_page_sizes.size()>, 2> places_{};
    /// Whether something of a size was ever put in: others than global ones, then global ones.
    std::array<std::array<bool, tlb_page_sizes.size()>, 2> probed_{};
    Probes data_;
    Probes instruction_;
};

} // namespace twofold
