// The two-dimensional walk as a processor with caches makes it.
#pragma once

#include <twofold/model/space_translation.hpp>
#include <twofold/model/translation_caches.hpp>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <optional>

namespace twofold {

/// Guest-physical memory that asks the guest-physical caches before it walks EPT, and fills them.
/// `observe(Reference)` sees each entry that is read from memory.
template <PagingFormat Ept, class HostMemory, class Observer>
class CachedGuestMemory {
  public:
    using Error = EptWalkFault;

    constexpr CachedGuestMemory(SecondDimension<Ept, HostMemory> const& ept,
                                TranslationCaches& caches, Observer& observe)
        : ept_(ept), caches_(caches), observe_(observe) {}

    /// The next read is of the table that lies there: a structure cache knows it.
    constexpr void table_lies_at(Hpa table) { known_table_ = table; }
    /// Where the last read went.
    [[nodiscard]] constexpr Hpa last_address() const { return last_; }

    [[nodiscard]] constexpr std::expected<GuestPhysicalCaches::Found, Error> translate(Gpa gpa) {
        auto& cached = caches_.guest_physical();
        if (auto const hit = cached.find(gpa, caches_.ept_tag())) return *hit;
        auto const found = walk_ept(gpa);
        if (!found) {
            auto const& fault = found.error();
            return std::unexpected(Error{fault.reason, fault.level, fault.bits, gpa});
        }
        cached.insert(gpa, caches_.ept_tag(), *found);
        return GuestPhysicalCaches::Found{found->address, found->page_size, found->permissions};
    }

    template <class Word>
    [[nodiscard]] constexpr std::expected<Word, Error> read(Gpa gpa) {
        if (known_table_) {
            last_ = *known_table_ + gpa.offset_in(page_4k.bytes());
            known_table_.reset();
        } else {
            auto const host = translate(gpa);
            if (!host) return std::unexpected(host.error());
            if (!host->permissions.read)
                return std::unexpected(
                    Error{WalkFaultReason::denied, Ept::level_of(host->size), 0, gpa});
            last_ = host->hpa;
        }
        auto const word = ept_.memory.template read<Word>(last_);
        if (!word) return std::unexpected(Error{WalkFaultReason::unreadable, 0, 0, gpa});
        return *word;
    }

  private:
    [[nodiscard]] constexpr auto walk_ept(Gpa gpa) {
        auto& structures = caches_.guest_physical().structures();
        WalkStart<Hpa> start{ept_.root, Ept::levels};
        if (auto const hit = structures.template find<Ept>(gpa, caches_.ept_tag()); hit.level != 0)
            start = {hit.entry->table, hit.level - 1, hit.entry->permissions};
        // That the entry above was good shows when the walk reads the table that it leads to.
        auto allowed = start.permissions;
        return walk_from(ept_.format, start, gpa, ept_.memory,
                         [&](unsigned level, Hpa address, std::uint64_t entry) {
                             if (level != start.level) {
                                 Hpa const table = address.aligned_down(page_4k.bytes());
                                 structures.template insert<Ept>(level + 1, gpa, caches_.ept_tag(),
                                                                 {table, table, allowed});
                             }
                             allowed = allowed & typename Ept::Entry{entry}.permissions();
                             observe_(Reference{Dimension::ept, static_cast<std::uint8_t>(level),
                                                address, entry, gpa});
                         });
    }

    SecondDimension<Ept, HostMemory> ept_;
    TranslationCaches& caches_;
    Observer& observe_;
    Hpa last_;
    std::optional<Hpa> known_table_;
};

/// A guest under EPT: its own tables in guest-physical memory, and the second dimension. The caches
/// that it walks with must have entered a context with its EP4TA.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory>
struct NestedSpace {
    Guest guest;
    typename Guest::Root root;
    SecondDimension<Ept, HostMemory> ept;

    /// Walks `gva` from the lowest level that a combined structure entry leads to, and keeps the
    /// entries that it passes. TLBs are not asked.
    template <class Observer>
    [[nodiscard]] constexpr std::expected<SpaceTranslation, NestedFault>
    walk(Gva gva, TranslationCaches& caches, Observer&& observe) const {
        CachedGuestMemory<Ept, HostMemory, Observer> memory{ept, caches, observe};
        auto const first = walk_guest(gva, caches, memory, observe);
        if (!first) return std::unexpected(fault_of(first.error()));
        auto const second = memory.translate(first->address);
        if (!second) return std::unexpected(fault_of(second.error(), false));
        auto allowed = second->permissions & first->permissions;
        allowed.user = first->permissions.user;
        return SpaceTranslation{
            {gva, second->hpa, std::min(first->page_size, second->size), allowed},
            first->address,
            first->permissions,
            first->page_size,
            second->size};
    }

  private:
    template <class Memory, class Observer>
    [[nodiscard]] constexpr std::expected<Translation<Gpa>, WalkFault<EptWalkFault>>
    walk_guest(Gva gva, TranslationCaches& caches, Memory& memory, Observer& observe) const {
        auto const top = Guest::top_table(root, gva);
        if (!top)
            return std::unexpected(
                WalkFault<EptWalkFault>{WalkFaultReason::not_present, Guest::levels + 1});
        WalkStart<Gpa> start{*top, Guest::levels};
        auto& structures = caches.structures();
        if (auto const hit = structures.template find<Guest>(gva, caches.tag()); hit.level != 0) {
            start = {hit.entry->table, hit.level - 1, hit.entry->permissions};
            memory.table_lies_at(hit.entry->host);
        }
        auto allowed = start.permissions;
        return walk_from(
            guest, start, gva, memory, [&](unsigned level, Gpa gpa, std::uint64_t entry) {
                Hpa const address = memory.last_address();
                if (level != start.level)
                    structures.template insert<Guest>(level + 1, gva, caches.tag(),
                                                      {gpa.aligned_down(page_4k.bytes()),
                                                       address.aligned_down(page_4k.bytes()),
                                                       allowed});
                allowed =
                    allowed &
                    typename Guest::Entry{static_cast<typename Guest::Word>(entry)}.permissions();
                observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), address,
                                  entry, gpa});
            });
    }
    static constexpr NestedFault fault_of(WalkFault<EptWalkFault> const& fault) {
        if (fault.cause) return fault_of(*fault.cause, true);
        return {Dimension::guest, fault.reason, fault.level, fault.bits, Gpa{}, false};
    }
    static constexpr NestedFault fault_of(EptWalkFault const& cause, bool during_walk) {
        return {Dimension::ept, cause.reason, cause.level, cause.bits, cause.gpa, during_walk};
    }
};

} // namespace twofold
