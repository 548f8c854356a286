// The walk of two dimensions: the walk of one whose memory translates first. That each guest
// reference costs a whole EPT walk, (g+1)(h+1)-1 in all, follows from that and is written nowhere.
#pragma once

#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <utility>

namespace twofold {

enum class Dimension : std::uint8_t { guest, ept };

/// One read of a paging-structure entry. The data access and the write-backs of accessed and dirty
/// bits are not references.
struct Reference {
    Dimension dimension;
    /// 1 is the PTE.
    std::uint8_t level;
    /// Where the memory bus sees the read.
    Hpa address;
    std::uint64_t entry;
    /// Dimension guest: where the guest believes that its entry lies. Dimension ept: the gpa that
    /// is being translated.
    Gpa gpa;
};

/// The second dimension as the walker needs it: a format, the root of its tables, and host memory.
template <PagingFormat Ept, class HostMemory>
struct SecondDimension {
    Ept format;
    Hpa root;
    HostMemory& memory;
};

/// Why the second dimension did not translate `gpa`.
struct EptWalkFault {
    WalkFaultReason reason;
    unsigned level;
    std::uint64_t bits;
    Gpa gpa;
};

/// Guest-physical memory: every read walks the second dimension first.
template <PagingFormat Ept, class HostMemory, class Observer>
class NestedMemory {
  public:
    using Error = EptWalkFault;

    /// Both must outlive it.
    constexpr NestedMemory(SecondDimension<Ept, HostMemory> const& ept, Observer& observe)
        : ept_(ept), observe_(observe) {}

    [[nodiscard]] constexpr std::expected<Translation<Hpa>, Error> translate(Gpa gpa) {
        auto const end = walk_ept(gpa);
        if (!end) return std::unexpected(fault_of(end, gpa));
        return *end.expected();
    }

    template <class Word>
    [[nodiscard, gnu::always_inline]] constexpr Reading<Word, Error> read(Gpa gpa) {
        using Read = Reading<Word, Error>;
        auto const end = walk_ept(gpa);
        if (!end) [[unlikely]]
            return Read::failure(fault_of(end, gpa));
        if (!end.permissions.read) [[unlikely]]
            return Read::failure({WalkFaultReason::denied, end.level, 0, gpa});
        last_ = end.address;
        auto const word = ept_.memory.template read<Word>(end.address);
        if (!word) [[unlikely]]
            return Read::failure({WalkFaultReason::unreadable, 0, 0, gpa});
        return {*word};
    }
    /// As translate, flat.
    [[nodiscard, gnu::always_inline]] constexpr auto walk_ept(Gpa gpa) {
        auto const observe = [&](unsigned level, Hpa address, std::uint64_t entry) {
            observe_(
                Reference{Dimension::ept, static_cast<std::uint8_t>(level), address, entry, gpa});
        };
        return detail::walk_root(ept_.format, ept_.root, gpa, ept_.memory, observe);
    }
    [[nodiscard]] static constexpr Error fault_of(auto const& end, Gpa gpa) {
        return {end.reason, end.level, end.bits, gpa};
    }
    /// Where the last read went.
    [[nodiscard]] constexpr Hpa last_address() const { return last_; }

  private:
    /// No copy: it is made in memory, and each walk would wait for it to be read back from there.
    SecondDimension<Ept, HostMemory> const& ept_;
    Observer& observe_;
    Hpa last_;
};

struct NestedTranslation {
    Gpa gpa;
    Hpa hpa;
    PageSize guest_page;
    PageSize host_page;
    /// What the first dimension's levels allow together, and the second's for the final gpa.
    Permissions guest_permissions;
    Permissions ept_permissions;

    /// What one TLB entry can hold: the smaller of the two leaves.
    [[nodiscard]] constexpr PageSize page_size() const { return std::min(guest_page, host_page); }
};

/// Where a two-dimensional walk ended without a translation.
struct NestedFault {
    Dimension dimension;
    WalkFaultReason reason;
    unsigned level;
    /// `malformed`: the offending bits.
    std::uint64_t bits;
    /// Dimension ept: the gpa that did not translate.
    Gpa gpa;
    /// Dimension ept: the gpa is that of a guest paging-structure entry, not the final one.
    bool during_walk;
};

/// Walks `gva` through the guest's tables and each gpa on the way, the final one included, through
/// `ept`, calling `observe(Reference)` for each entry that is read, in the order of the reads.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory, class Observer>
[[nodiscard]] constexpr std::expected<NestedTranslation, NestedFault>
walk_nested(Guest const& guest, typename Guest::Root const& guest_root, Gva gva,
            SecondDimension<Ept, HostMemory> const& ept, Observer&& observe) {
    NestedMemory<Ept, HostMemory, Observer> memory{ept, observe};

    auto const record = [&](unsigned level, Gpa gpa, std::uint64_t entry) {
        observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level), memory.last_address(),
                          entry, gpa});
    };
    auto const first = detail::walk_root(guest, guest_root, gva, memory, record);
    if (!first) [[unlikely]] {
        if (first.reason != WalkFaultReason::unreadable) {
            return std::unexpected(
                NestedFault{Dimension::guest, first.reason, first.level, first.bits, Gpa{}, false});
        }
        auto const& cause = first.cause;
        return std::unexpected(
            NestedFault{Dimension::ept, cause.reason, cause.level, cause.bits, cause.gpa, true});
    }
    auto const second = memory.walk_ept(first.address);
    if (!second) [[unlikely]] {
        return std::unexpected(NestedFault{Dimension::ept, second.reason, second.level, second.bits,
                                           first.address, false});
    }
    return NestedTranslation{first.address,      second.address,    first.page_size(),
                             second.page_size(), first.permissions, second.permissions};
}

} // namespace twofold
