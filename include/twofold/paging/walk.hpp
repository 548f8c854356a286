// The walk of one dimension: from an address down the levels to a leaf, one reference a level.
#pragma once

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/memory.hpp>

#include <cstdint>
#include <expected>
#include <optional>

namespace twofold {

enum class WalkFaultReason : std::uint8_t {
    /// The entry is not present.
    not_present,
    /// The entry is present and has reserved bits set: a reserved-bit page fault, or an EPT
    /// misconfiguration.
    malformed,
    /// The memory that holds the entry could not be read. In two dimensions: the second dimension
    /// faulted.
    unreadable,
    /// All entries are present and well formed, but together they forbid the access.
    denied,
};

/// Where and why a walk ended without a translation. `MemoryError`: what the memory says of itself.
template <class MemoryError>
struct WalkFault {
    WalkFaultReason reason;
    /// Level of the entry, 1 being the PTE. One above the format's levels for a root that leads
    /// nowhere (PAE).
    unsigned level;
    /// `malformed`: the offending bits of the entry.
    std::uint64_t bits = 0;
    /// `unreadable`: why.
    std::optional<MemoryError> cause = std::nullopt;
};

/// What a walk found. `Output` is the kind of address that the format yields.
template <class Output>
struct Translation {
    /// Where the walked address itself lies, offset included.
    Output address;
    /// Size of the leaf; 4 KiB with paging off.
    PageSize page_size;
    /// What all levels together allow.
    Permissions permissions;
    /// The leaf entry as it was read; 0 with paging off.
    std::uint64_t leaf;
};

/// Observes nothing.
struct IgnoreReferences {
    constexpr void operator()(unsigned, auto, std::uint64_t) const {}
};

/// Where a walk goes on: the table that is read next, the level of its entries, and what the levels
/// above allow. The start of a whole walk is the top table; a paging-structure cache knows later
/// ones.
template <class Output>
struct WalkStart {
    Output table;
    unsigned level;
    Permissions permissions = Permissions::all();
};

namespace detail {

/// Where a walk ended, as the levels hand it on: a translation or a fault. It is flat, so that all
/// of it stays in registers until the edge, where it becomes a std::expected. `MemoryError`: as
/// WalkFault.
template <class Format, class MemoryError>
struct WalkEnd {
    using Output = typename Format::Output;

    bool found = false;
    /// Of the leaf, or of the entry that is to blame.
    unsigned level = 0;
    WalkFaultReason reason = WalkFaultReason::not_present;
    Permissions permissions{};
    Output address{};
    std::uint64_t leaf = 0;
    std::uint64_t bits = 0;
    MemoryError cause{};

    static constexpr WalkEnd fault(WalkFaultReason reason, unsigned level, std::uint64_t bits = 0) {
        WalkEnd end;
        end.reason = reason;
        end.level = level;
        end.bits = bits;
        return end;
    }
    static constexpr WalkEnd unreadable(unsigned level, MemoryError const& cause) {
        WalkEnd end = fault(WalkFaultReason::unreadable, level);
        end.cause = cause;
        return end;
    }
    static constexpr WalkEnd translation(unsigned level, Output address, Permissions permissions,
                                         std::uint64_t leaf) {
        WalkEnd end;
        end.found = true;
        end.level = level;
        end.address = address;
        end.permissions = permissions;
        end.leaf = leaf;
        return end;
    }

    [[nodiscard]] constexpr explicit operator bool() const { return found; }
    [[nodiscard]] constexpr PageSize page_size() const {
        return level == 0 ? page_4k : Format::page_size(level);
    }
    [[nodiscard]] constexpr WalkFault<MemoryError> walk_fault() const {
        WalkFault<MemoryError> fault{reason, level, bits};
        if (reason == WalkFaultReason::unreadable) fault.cause = cause;
        return fault;
    }
    [[nodiscard]] constexpr std::expected<Translation<Output>, WalkFault<MemoryError>>
    expected() const {
        if (!found) return std::unexpected(walk_fault());
        return Translation<Output>{address, page_size(), permissions, leaf};
    }
};

/// All that an entry says.
struct EntryJudgement {
    std::uint64_t malformed;
    Permissions permissions;
    bool present;
    bool leaf;
};

/// Judges an entry that is not a usual one. A function of values: were it to take the walk's state
/// by reference, that would have to lie in memory.
template <PagingFormat Format>
[[nodiscard, gnu::noinline]] constexpr EntryJudgement
look_closer(Format format, typename Format::Word word, unsigned level) {
    typename Format::Entry const entry{word};
    return {format.malformed(entry, level), entry.permissions(), entry.present(),
            format.leaf(entry, level)};
}

/// Tells the observer of an entry that was read, and what the levels above it allow if it asks.
[[gnu::always_inline]] constexpr void tell(auto& observe, unsigned level, auto address,
                                           std::uint64_t entry, Permissions above) {
    if constexpr (requires { observe(level, address, entry, above); }) {
        observe(level, address, entry, above);
    } else {
        observe(level, address, entry);
    }
}

/// The walk of the levels from `Level` down, beginning at `start.level`. One instance a level, so
/// that all that depends on the level is a constant, and of a level no more than one.
template <unsigned Level, PagingFormat Format, class Memory, class Observer>
[[nodiscard, gnu::always_inline]] constexpr WalkEnd<Format, typename Memory::Error>
walk_level(Format const& format, WalkStart<typename Format::Output> start,
           typename Format::Input input, Memory& memory, Observer& observe) {
    using End = WalkEnd<Format, typename Memory::Error>;
    if constexpr (Level == 0) {
        return End::translation(0, typename Format::Output{input.value()}, start.permissions, 0);
    } else {
        if (start.level >= Level) {
            using Word = typename Format::Word;
            auto const address =
                start.table + std::uint64_t{Format::index(input, Level)} * sizeof(Word);
            auto const word = memory.template read<Word>(address);
            if (!word) [[unlikely]]
                return End::unreadable(Level, word.error());
            tell(observe, Level, address, std::uint64_t{*word}, start.permissions);

            typename Format::Entry const entry{*word};
            bool leaf = Level == 1;
            // A usual entry goes on, and forbids nothing: one comparison is all that it takes.
            if (!format.usual(entry, Level)) [[unlikely]] {
                EntryJudgement const judged = look_closer(format, *word, Level);
                if (!judged.present) return End::fault(WalkFaultReason::not_present, Level);
                if (judged.malformed != 0)
                    return End::fault(WalkFaultReason::malformed, Level, judged.malformed);
                start.permissions = start.permissions & judged.permissions;
                leaf = judged.leaf;
            }
            if (leaf) {
                PageSize const size = Format::page_size(Level);
                return End::translation(
                    Level,
                    typename Format::Output{entry.frame(size) + input.offset_in(size.bytes())},
                    start.permissions, *word);
            }
            start.table = typename Format::Output{entry.table()};
        }
        return walk_level<Level - 1>(format, start, input, memory, observe);
    }
}

/// The whole walk of `input`, from the root.
template <PagingFormat Format, class Memory, class Observer>
[[nodiscard, gnu::always_inline]] constexpr auto
walk_root(Format const& format, typename Format::Root const& root, typename Format::Input input,
          Memory& memory, Observer& observe) {
    auto const table = Format::top_table(root, input);
    using End = WalkEnd<Format, typename Memory::Error>;
    if (!table) return End::fault(WalkFaultReason::not_present, Format::levels + 1);
    return walk_level<Format::levels>(
        format, WalkStart<typename Format::Output>{*table, Format::levels}, input, memory, observe);
}

} // namespace detail

/// Walks `input` from `start`, calling `observe(level, address of the entry, entry)` for each entry
/// that is read, in the order of the reads and before it is judged; an observer that takes a fourth
/// argument is given what the levels above the entry allow together. Reads the entries of the walk
/// and nothing else; writes nothing, accessed and dirty bits included. Source: Intel SDM vol. 3,
/// "Hierarchical Paging Structures: an Overview".
template <PagingFormat Format, class Memory, class Observer = IgnoreReferences>
[[nodiscard]] constexpr std::expected<Translation<typename Format::Output>,
                                      WalkFault<typename Memory::Error>>
walk_from(Format const& format, WalkStart<typename Format::Output> const& start,
          typename Format::Input input, Memory& memory, Observer&& observe = {}) {
    return detail::walk_level<Format::levels>(format, start, input, memory, observe).expected();
}

/// The whole walk of `input`, from the root, as walk_from.
template <PagingFormat Format, class Memory, class Observer = IgnoreReferences>
[[nodiscard]] constexpr std::expected<Translation<typename Format::Output>,
                                      WalkFault<typename Memory::Error>>
walk(Format const& format, typename Format::Root const& root, typename Format::Input input,
     Memory& memory, Observer&& observe = {}) {
    return detail::walk_root(format, root, input, memory, observe).expected();
}

} // namespace twofold
