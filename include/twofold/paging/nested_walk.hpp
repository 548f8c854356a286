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

    constexpr NestedMemory(SecondDimension<Ept, HostMemory> const& ept, Observer& observe)
        : ept_(ept), observe_(observe) {}

    [[nodiscard]] constexpr std::expected<Translation<Hpa>, Error> translate(Gpa gpa) {
        auto const found =
            walk(ept_.format, ept_.root, gpa, ept_.memory,
                 [&](unsigned level, Hpa address, std::uint64_t entry) {
                     observe_(Reference{Dimension::ept, static_cast<std::uint8_t>(level), address,
                                        entry, gpa});
                 });
        if (!found)
            return std::unexpected(
                Error{found.error().reason, found.error().level, found.error().bits, gpa});
        return *found;
    }

    template <class Word>
    [[nodiscard]] constexpr std::expected<Word, Error> read(Gpa gpa) {
        auto const host = translate(gpa);
        if (!host) return std::unexpected(host.error());
        if (!host->permissions.read) {
            return std::unexpected(
                Error{WalkFaultReason::denied, Ept::level_of(host->page_size), 0, gpa});
        }
        last_ = host->address;
        auto const word = ept_.memory.template read<Word>(host->address);
        if (!word) return std::unexpected(Error{WalkFaultReason::unreadable, 0, 0, gpa});
        return *word;
    }

    /// Where the last read went.
    [[nodiscard]] constexpr Hpa last_address() const { return last_; }

  private:
    SecondDimension<Ept, HostMemory> ept_;
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

    auto const first =
        walk(guest, guest_root, gva, memory, [&](unsigned level, Gpa gpa, std::uint64_t entry) {
            observe(Reference{Dimension::guest, static_cast<std::uint8_t>(level),
                              memory.last_address(), entry, gpa});
        });
    if (!first) {
        auto const& fault = first.error();
        if (!fault.cause) {
            return std::unexpected(
                NestedFault{Dimension::guest, fault.reason, fault.level, fault.bits, Gpa{}, false});
        }
        auto const& cause = *fault.cause;
        return std::unexpected(
            NestedFault{Dimension::ept, cause.reason, cause.level, cause.bits, cause.gpa, true});
    }
    auto const second = memory.translate(first->address);
    if (!second) {
        auto const& cause = second.error();
        return std::unexpected(
            NestedFault{Dimension::ept, cause.reason, cause.level, cause.bits, cause.gpa, false});
    }
    return NestedTranslation{first->address,    second->address,    first->page_size,
                             second->page_size, first->permissions, second->permissions};
}

} // namespace twofold
