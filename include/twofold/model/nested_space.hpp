// The two-dimensional walk as a processor with caches makes it.
#pragma once

#include <twofold/model/space_translation.hpp>
#include <twofold/model/translation_caches.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace twofold {

/// Guest-physical memory that asks the guest-physical caches before it walks EPT, and fills them.
/// `observe(Reference)` sees each entry that is read from memory.
template <RowsKnown Rows, PagingFormat Ept, class HostMemory, class Observer>
class CachedGuestMemory {
  public:
    using Error = EptWalkFault;

    /// `fault` is set when something is not translated.
    constexpr CachedGuestMemory(SecondDimension<Ept, HostMemory> const& ept,
                                TranslationCaches& caches, Observer& observe, Error& fault)
        : ept_(ept), caches_(caches), observe_(observe), fault_(fault) {}

    /// The next read is of the table that lies there: a structure cache knows it.
    constexpr void table_lies_at(Hpa table) { known_table_ = table; }
    /// Where the last read went.
    [[nodiscard]] constexpr Hpa last_address() const { return last_; }

    /// Where a gpa lies, in two words, so that it comes back in registers.
    class Located {
      public:
        constexpr Located() = default;
        constexpr Located(Hpa hpa, AllowedAccesses allowed, PageSize size)
            : hpa_(hpa), size_and_allowed_(std::uint64_t{size.shift()} << 32 | allowed.flags()) {}

        [[nodiscard]] constexpr bool found() const { return size_and_allowed_ != 0; }
        [[nodiscard]] constexpr Hpa hpa() const { return hpa_; }
        [[nodiscard]] constexpr PageSize size() const {
            return PageSize{static_cast<unsigned>(size_and_allowed_ >> 32)};
        }
        [[nodiscard]] constexpr AllowedAccesses allowed() const {
            return AllowedAccesses::of_flags(static_cast<std::uint32_t>(size_and_allowed_));
        }

      private:
        Hpa hpa_;
        std::uint64_t size_and_allowed_ = 0;
    };
    [[nodiscard, gnu::always_inline]] constexpr Located translate(Gpa gpa) {
        return locate(ept_, caches_, observe_, gpa, fault_);
    }

    template <class Word>
    [[nodiscard, gnu::always_inline]] constexpr Reading<Word, Error> read(Gpa gpa) {
        using Read = Reading<Word, Error>;
        if (known_table_) {
            last_ = *known_table_ + gpa.offset_in(page_4k.bytes());
            known_table_.reset();
        } else {
            Located const host = translate(gpa);
            if (!host.found()) [[unlikely]]
                return Read::failure(fault_);
            if (!host.allowed().allow(Access::read)) [[unlikely]]
                return Read::failure({WalkFaultReason::denied, Ept::level_of(host.size()), 0, gpa});
            last_ = host.hpa();
        }
        auto const word = ept_.memory.template read<Word>(last_);
        if (!word) [[unlikely]]
            return Read::failure({WalkFaultReason::unreadable, 0, 0, gpa});
        return {*word};
    }

  private:
    /// Not a member: were `this` handed on, all members would have to lie in memory.
    [[nodiscard, gnu::noinline]] static constexpr Located
    locate(SecondDimension<Ept, HostMemory> const& ept, TranslationCaches& caches,
           Observer& observe, Gpa gpa, Error& fault) {
        auto& cached = caches.guest_physical();
        GuestPhysicalCaches::Missed missed;
        if (auto const* const hit = cached.template find<Rows>(gpa, caches.ept_tag(), missed))
            return {hit->page + gpa.offset_in(hit->size.bytes()), hit->allowed, hit->size};
        auto const end = walk_ept(ept, caches, observe, gpa);
        if (!end) [[unlikely]] {
            fault = {end.reason, end.level, end.bits, gpa};
            return {};
        }
        AllowedAccesses const allowed{end.permissions};
        cached.template insert<Rows>(missed, gpa, caches.ept_tag(), end.address, end.page_size(),
                                     allowed);
        return {end.address, allowed, end.page_size()};
    }
    [[nodiscard, gnu::always_inline]] static constexpr auto
    walk_ept(SecondDimension<Ept, HostMemory> const& ept, TranslationCaches& caches,
             Observer& observe, Gpa gpa) {
        auto& structures = caches.guest_physical().structures();
        StructureCaches<Hpa>::Missed missed;
        WalkStart<Hpa> start{ept.root, Ept::levels};
        if (auto const hit = structures.template find<Ept, Rows>(gpa, caches.ept_tag(), missed);
            hit.level != 0)
            start = {hit.entry->table, hit.level - 1, hit.entry->permissions};
        // That the entry above was good shows when the walk reads the table that it leads to.
        auto const read = [&] [[gnu::always_inline]] (unsigned level, Hpa address,
                                                      std::uint64_t entry, Permissions above) {
            if (level != start.level)
                structures.template insert<Rows>(level + 1, missed,
                                                 {address.aligned_down(page_4k.bytes()), above});
            observe(
                Reference{Dimension::ept, static_cast<std::uint8_t>(level), address, entry, gpa});
        };
        return detail::walk_level<Ept::levels>(ept.format, start, gpa, ept.memory, read);
    }

    SecondDimension<Ept, HostMemory> const& ept_;
    TranslationCaches& caches_;
    Observer& observe_;
    Hpa last_;
    std::optional<Hpa> known_table_;
    Error& fault_;
};

/// A guest under EPT: its own tables in guest-physical memory, and the second dimension. The caches
/// that it walks with must have entered a context with its EP4TA.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory>
struct NestedSpace {
    Guest guest;
    typename Guest::Root root;
    SecondDimension<Ept, HostMemory> ept;
    /// The guest's CR4.PGE.
    bool global_pages = true;

    /// Once, before walks with `caches`.
    constexpr void prepare(TranslationCaches& caches) const {
        caches.structures().template use_format<Guest>();
        caches.guest_physical().structures().template use_format<Ept>();
    }
    /// Walks `gva` from the lowest level that a combined structure entry leads to, and keeps the
    /// entries that it passes. TLBs are not asked. Where nothing is found, `fault` says why.
    template <RowsKnown Rows, class Observer>
    [[nodiscard, gnu::always_inline]] constexpr SpaceTranslation
    walk(Gva gva, TranslationCaches& caches, Observer& observe, NestedFault& fault) const {
        EptWalkFault cause{};
        CachedGuestMemory<Rows, Ept, HostMemory, Observer> memory{ept, caches, observe, cause};
        auto const first = walk_guest<Rows>(gva, caches, memory, observe);
        if (!first) [[unlikely]] {
            fault = fault_of(first);
            return {};
        }
        bool const global = (first.leaf & X86Entry::global_bit) != 0 && global_pages;
        auto const second = memory.translate(first.address);
        if (!second.found()) [[unlikely]] {
            fault = fault_of(cause, false);
            return {};
        }
        // EPT entries never forbid an access for being a user's.
        AllowedAccesses const by_guest{first.permissions};
        return {{gva, second.hpa(), std::min(first.page_size(), second.size()),
                 second.allowed() & by_guest, first.page_size(), global},
                first.address,
                by_guest,
                second.size(),
                true};
    }

  private:
    using End = detail::WalkEnd<Guest, EptWalkFault>;

    template <RowsKnown Rows, class Memory, class Observer>
    [[nodiscard, gnu::always_inline]] constexpr End
    walk_guest(Gva gva, TranslationCaches& caches, Memory& memory, Observer& observe) const {
        auto const top = Guest::top_table(root, gva);
        if (!top) return End::fault(WalkFaultReason::not_present, Guest::levels + 1);
        WalkStart<Gpa> start{*top, Guest::levels};
        auto& structures = caches.structures();
        StructureCaches<Gpa>::Missed missed;
        if (auto const hit = structures.template find<Guest, Rows>(gva, caches.tag(), missed);
            hit.level != 0) {
            start = {hit.entry->table, hit.level - 1, hit.entry->permissions};
            memory.table_lies_at(hit.entry->host);
        }
        auto const read = [&] [[gnu::always_inline]] (unsigned level, Gpa gpa, std::uint64_t entry,
                                                      Permissions above) {
            Hpa const address = memory.last_address();
            if (level != start.level)
                structures.template insert<Rows>(level + 1, missed,
                                                 {gpa.aligned_down(page_4k.bytes()), above,
                                                  address.aligned_down(page_4k.bytes())});
            observe(
                Reference{Dimension::guest, static_cast<std::uint8_t>(level), address, entry, gpa});
        };
        return detail::walk_level<Guest::levels>(guest, start, gva, memory, read);
    }
    static constexpr NestedFault fault_of(End const& end) {
        if (end.reason == WalkFaultReason::unreadable) return fault_of(end.cause, true);
        return {Dimension::guest, end.reason, end.level, end.bits, Gpa{}, false};
    }
    static constexpr NestedFault fault_of(EptWalkFault const& cause, bool during_walk) {
        return {Dimension::ept, cause.reason, cause.level, cause.bits, cause.gpa, during_walk};
    }
};

} // namespace twofold
