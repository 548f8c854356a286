// Two-dimensional walks that do not wait for each other. A single walk is a chain of reads, each of
// which waits for the one before; several walks in turn, each stepping on when its next entry has
// come from memory, overlap these waits.
#pragma once

#include <twofold/paging/nested_walk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold {

namespace detail {

/// Asks for what will be read soon, where the memory can.
template <class Memory>
[[gnu::always_inline]] constexpr void prefetch(Memory& memory, Hpa address) {
    if constexpr (requires { memory.prefetch(address); }) memory.prefetch(address);
}

/// A walk between two of its reads.
struct WalkInFlight {
    std::size_t which;
    Gva gva;
    /// What EPT translates now: the address of a guest entry of `guest_level`, or at level 0 the
    /// final gpa.
    Gpa gpa{};
    /// What is read next: an EPT entry of `ept_level`, or at level 0 the guest entry itself.
    Hpa next{};
    std::uint8_t guest_level = 0;
    std::uint8_t ept_level = 0;
    PageSize guest_page = page_4k;
    Permissions guest_allowed = Permissions::all();
    Permissions ept_allowed = Permissions::all();
};

/// What became of an entry that was read.
struct Step {
    enum class Kind : std::uint8_t { table, leaf, fault };
    Kind kind;
    WalkFaultReason reason = WalkFaultReason::not_present;
    std::uint64_t bits = 0;
};

template <PagingFormat Format>
[[gnu::always_inline]] constexpr Step judge(Format const& format, typename Format::Word word,
                                            unsigned level, Permissions& allowed) {
    if (format.usual(typename Format::Entry{word}, level)) [[likely]]
        return {level == 1 ? Step::Kind::leaf : Step::Kind::table};
    EntryJudgement const judged = look_closer(format, word, level);
    if (!judged.present) return {Step::Kind::fault};
    if (judged.malformed != 0)
        return {Step::Kind::fault, WalkFaultReason::malformed, judged.malformed};
    allowed = allowed & judged.permissions;
    return {judged.leaf ? Step::Kind::leaf : Step::Kind::table};
}

} // namespace detail

/// Walks as walk_nested does. `observe(which, Reference)` is called in the order of each walk's
/// reads, the walks mixed; `done(which, result)` once a walk, in any order. `which` is the gva's
/// place among those given.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory, class Observer, class Done>
class WalkBatch {
  public:
    /// Enough to cover the latency of memory; more would only lie about in the caches.
    static constexpr std::size_t most_in_flight = 16;

    constexpr WalkBatch(Guest const& guest, typename Guest::Root const& guest_root,
                        SecondDimension<Ept, HostMemory> const& ept, Observer& observe, Done& done)
        : guest_(guest), root_(guest_root), ept_(ept), observe_(observe), done_(done) {}

    constexpr void run(std::span<Gva const> gvas) {
        std::array<Walk, most_in_flight> walks{};
        std::size_t started = 0;
        std::size_t live = 0;
        while (live < walks.size() && begin_next(walks[live], gvas, started))
            ++live;
        while (live != 0) {
            for (std::size_t at = 0; at < live;) {
                // What has ended makes room for a walk that was not begun, or at last for another.
                if (step(walks[at]) || begin_next(walks[at], gvas, started)) {
                    ++at;
                } else {
                    walks[at] = walks[--live];
                }
            }
        }
    }

  private:
    using Walk = detail::WalkInFlight;
    using Result = std::expected<NestedTranslation, NestedFault>;
    using StepKind = detail::Step::Kind;

    /// Begins the next walk that reads anything. False when none is left.
    constexpr bool begin_next(Walk& walk, std::span<Gva const> gvas, std::size_t& started) {
        while (started < gvas.size()) {
            std::size_t const which = started++;
            if (auto const top = Guest::top_table(root_, gvas[which])) {
                walk = {.which = which, .gva = gvas[which]};
                if constexpr (Guest::levels == 0) {
                    translate(walk, Gpa{walk.gva.value()}, 0);
                } else {
                    translate(walk, entry_address<Guest>(*top, walk.gva, Guest::levels),
                              Guest::levels);
                }
                return true;
            }
            done_(which,
                  Result{std::unexpected(NestedFault{Dimension::guest, WalkFaultReason::not_present,
                                                     Guest::levels + 1, 0, Gpa{}, false})});
        }
        return false;
    }

    template <class Format>
    static constexpr auto entry_address(typename Format::Output table, typename Format::Input input,
                                        unsigned level) {
        return table + std::uint64_t{Format::index(input, level)} * sizeof(typename Format::Word);
    }
    [[gnu::always_inline]] constexpr void read_next(Walk& walk, Hpa address, unsigned ept_level) {
        walk.next = address;
        walk.ept_level = static_cast<std::uint8_t>(ept_level);
        detail::prefetch(ept_.memory, address);
    }
    /// Sends `gpa` through EPT from the top.
    [[gnu::always_inline]] constexpr void translate(Walk& walk, Gpa gpa, unsigned guest_level) {
        walk.gpa = gpa;
        walk.guest_level = static_cast<std::uint8_t>(guest_level);
        walk.ept_allowed = Permissions::all();
        read_next(walk, entry_address<Ept>(ept_.root, gpa, Ept::levels), Ept::levels);
    }

    /// One reference. False when the walk has ended.
    [[gnu::always_inline]] constexpr bool step(Walk& walk) {
        return walk.ept_level != 0 ? step_ept(walk) : step_guest(walk);
    }

    [[gnu::always_inline]] constexpr bool step_ept(Walk& walk) {
        unsigned const level = walk.ept_level;
        auto const word = ept_.memory.template read<typename Ept::Word>(walk.next);
        if (!word) [[unlikely]]
            return fail_ept(walk, WalkFaultReason::unreadable, level);
        observe_(walk.which, Reference{Dimension::ept, walk.ept_level, walk.next,
                                       std::uint64_t{*word}, walk.gpa});
        typename Ept::Entry const entry{*word};
        auto const step = detail::judge(ept_.format, *word, level, walk.ept_allowed);
        if (step.kind == StepKind::table) {
            read_next(walk, entry_address<Ept>(Hpa{entry.table()}, walk.gpa, level - 1), level - 1);
            return true;
        }
        if (step.kind == StepKind::fault) [[unlikely]]
            return fail_ept(walk, step.reason, level, step.bits);
        PageSize const size = Ept::page_size(level);
        Hpa const hpa{entry.frame(size) + walk.gpa.offset_in(size.bytes())};
        if (walk.guest_level == 0) return finish(walk, hpa, size);
        if (!walk.ept_allowed.read) [[unlikely]]
            return fail_ept(walk, WalkFaultReason::denied, level);
        read_next(walk, hpa, 0);
        return true;
    }

    [[gnu::always_inline]] constexpr bool step_guest(Walk& walk) {
        unsigned const level = walk.guest_level;
        auto const word = ept_.memory.template read<typename Guest::Word>(walk.next);
        if (!word) [[unlikely]]
            return fail_ept(walk, WalkFaultReason::unreadable, 0);
        observe_(walk.which, Reference{Dimension::guest, walk.guest_level, walk.next,
                                       std::uint64_t{*word}, walk.gpa});
        typename Guest::Entry const entry{*word};
        auto const step = detail::judge(guest_, *word, level, walk.guest_allowed);
        if (step.kind == StepKind::table) {
            translate(walk, entry_address<Guest>(Gpa{entry.table()}, walk.gva, level - 1),
                      level - 1);
            return true;
        }
        if (step.kind == StepKind::fault) [[unlikely]]
            return end(walk, std::unexpected(NestedFault{Dimension::guest, step.reason, level,
                                                         step.bits, Gpa{}, false}));
        walk.guest_page = Guest::page_size(level);
        translate(walk,
                  Gpa{entry.frame(walk.guest_page) + walk.gva.offset_in(walk.guest_page.bytes())},
                  0);
        return true;
    }

    constexpr bool finish(Walk const& walk, Hpa hpa, PageSize host_page) {
        return end(walk, NestedTranslation{walk.gpa, hpa, walk.guest_page, host_page,
                                           walk.guest_allowed, walk.ept_allowed});
    }
    constexpr bool fail_ept(Walk const& walk, WalkFaultReason reason, unsigned level,
                            std::uint64_t bits = 0) {
        return end(walk, std::unexpected(NestedFault{Dimension::ept, reason, level, bits, walk.gpa,
                                                     walk.guest_level != 0}));
    }
    constexpr bool end(Walk const& walk, Result const& result) {
        done_(walk.which, result);
        return false;
    }

    Guest guest_;
    typename Guest::Root root_;
    SecondDimension<Ept, HostMemory> ept_;
    Observer& observe_;
    Done& done_;
};

/// As WalkBatch says.
template <PagingFormat Guest, PagingFormat Ept, class HostMemory, class Observer, class Done>
constexpr void walk_nested_batch(Guest const& guest, typename Guest::Root const& guest_root,
                                 std::span<Gva const> gvas,
                                 SecondDimension<Ept, HostMemory> const& ept, Observer&& observe,
                                 Done&& done) {
    WalkBatch<Guest, Ept, HostMemory, Observer, Done>{guest, guest_root, ept, observe, done}.run(
        gvas);
}

} // namespace twofold
