// Editing of page tables: one algorithm for every format. What is new is built completely before
// one store makes it visible.
#pragma once

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/duty.hpp>
#include <twofold/paging/memory.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <expected>
#include <optional>

namespace twofold {

enum class MapError : std::uint8_t {
    /// The format has no leaf of this size.
    no_such_page_size,
    /// Input or output is not a multiple of the page size.
    misaligned,
    /// No frame for a table. Nothing has changed.
    out_of_frames,
    /// A larger page maps the address already; it would have to be split first. Nothing has
    /// changed.
    larger_page_present,
    /// A table of smaller pages hangs where the leaf would go. Nothing has changed.
    smaller_pages_present,
    /// A table could not be read or written. What was stored before stays; none of it is reachable
    /// half-built.
    memory_failed,
    /// Nothing is mapped there.
    not_mapped,
};

/// Where tables come from. `allocate_table` yields a zeroed 4 KiB frame or nothing; `free_table`
/// takes one back that was never linked.
template <class T, class Output>
concept TableAllocator = requires(T& tables, Output table) {
    { tables.allocate_table() } -> std::same_as<std::optional<Output>>;
    tables.free_table(table);
};

/// Where an entry stands and what it holds.
template <class Format>
struct Slot {
    typename Format::Output address;
    unsigned level;
    typename Format::Entry entry;
};

/// Descends from `root` towards `input`: to the entry at `target`, or to the first above it that is
/// not a table.
template <PagingFormat Format, class Memory>
[[nodiscard]] constexpr std::expected<Slot<Format>, MapError>
find_slot(Format const& format, typename Format::Output root, typename Format::Input input,
          unsigned target, Memory& memory) {
    using Word = typename Format::Word;
    auto table = root;
    for (unsigned level = Format::levels;; --level) {
        auto const address = table + std::uint64_t{Format::index(input, level)} * sizeof(Word);
        auto const word = memory.template read<Word>(address);
        if (!word) return std::unexpected(MapError::memory_failed);
        typename Format::Entry const entry{*word};
        if (level == target || !entry.present() || format.leaf(entry, level))
            return Slot<Format>{address, level, entry};
        table = typename Format::Output{entry.table()};
    }
}

namespace detail {

/// Builds the chain of tables from `target` up to below `slot` around `leaf`, linked to each other
/// but to nothing else, then links it at `slot` by one store. Returns the entry that was stored
/// there; gives every table back when one is missing or a store fails.
template <PagingFormat Format, class Memory, class Tables>
[[nodiscard]] constexpr std::expected<typename Format::Entry, MapError>
link_chain(Slot<Format> const& slot, typename Format::Input input, unsigned target,
           typename Format::Entry leaf, Memory& memory, Tables& tables) {
    std::array<typename Format::Output, Format::levels> built{};
    unsigned count = 0;
    auto entry = leaf;
    auto const give_back = [&](MapError error) {
        while (count > 0)
            tables.free_table(built[--count]);
        return std::unexpected(error);
    };
    for (unsigned level = target; level < slot.level; ++level) {
        auto const table = tables.allocate_table();
        if (!table) return give_back(MapError::out_of_frames);
        built[count++] = *table;
        auto const place =
            *table + std::uint64_t{Format::index(input, level)} * sizeof(typename Format::Word);
        if (!memory.write(place, entry.word())) return give_back(MapError::memory_failed);
        entry = Format::Entry::to_table(table->value());
    }
    if (!memory.write(slot.address, entry.word())) return give_back(MapError::memory_failed);
    return entry;
}

} // namespace detail

/// Makes `input` lead to `leaf`, an entry for `target`'s level, by one store at `slot`, which
/// find_slot has found for them. Tables that are missing are built before it. A leaf that stood
/// there is replaced; the duty says what that asks for.
template <PagingFormat Format, class Memory, TableAllocator<typename Format::Output> Tables>
[[nodiscard]] constexpr std::expected<Duty, MapError>
install(Format const& format, Slot<Format> const& slot, typename Format::Input input,
        unsigned target, typename Format::Entry leaf, Memory& memory, Tables& tables) {
    if (slot.level > target) {
        if (slot.entry.present()) return std::unexpected(MapError::larger_page_present);
        auto const linked = detail::link_chain<Format>(slot, input, target, leaf, memory, tables);
        if (!linked) return std::unexpected(linked.error());
        return Duty{};
    }
    if (slot.entry.present() && !format.leaf(slot.entry, target)) {
        return std::unexpected(MapError::smaller_pages_present);
    }
    if (!memory.write(slot.address, leaf.word())) return std::unexpected(MapError::memory_failed);
    return duty_of_change(format, slot.entry, leaf, target);
}

/// Maps the page of `size` at `input` to the frame at `output`. `input` and `output` must be
/// multiples of `size`.
template <PagingFormat Format, class Memory, TableAllocator<typename Format::Output> Tables>
[[nodiscard]] constexpr std::expected<Duty, MapError>
map(Format const& format, typename Format::Output root, typename Format::Input input, PageSize size,
    typename Format::Output output, Permissions permissions, Memory& memory, Tables& tables,
    MemoryType type = MemoryType::write_back) {
    unsigned const target = Format::level_of(size);
    if (target == 0) return std::unexpected(MapError::no_such_page_size);
    auto const leaf = Format::Entry::to_frame(output.value(), target, permissions, type);
    if (!format.leaf(leaf, target) || format.malformed(leaf, target) != 0) {
        return std::unexpected(output.is_aligned(size.bytes()) ? MapError::no_such_page_size
                                                               : MapError::misaligned);
    }
    if (!input.is_aligned(size.bytes()) || !output.is_aligned(size.bytes()))
        return std::unexpected(MapError::misaligned);
    auto const slot = find_slot(format, root, input, target, memory);
    if (!slot) return std::unexpected(slot.error());
    return install(format, *slot, input, target, leaf, memory, tables);
}

/// What an unmapped address led to.
template <class Format>
struct Unmapped {
    typename Format::Output frame;
    PageSize size;
    Duty duty;
};

/// Takes away the leaf that maps `input`, of whatever size, by one store. Tables stay.
template <PagingFormat Format, class Memory>
[[nodiscard]] constexpr std::expected<Unmapped<Format>, MapError>
unmap(Format const& format, typename Format::Output root, typename Format::Input input,
      Memory& memory) {
    auto const slot = find_slot(format, root, input, 1, memory);
    if (!slot) return std::unexpected(slot.error());
    if (!slot->entry.present()) return std::unexpected(MapError::not_mapped);
    if (!memory.write(slot->address, typename Format::Word{0}))
        return std::unexpected(MapError::memory_failed);
    PageSize const size = Format::page_size(slot->level);
    return Unmapped<Format>{
        typename Format::Output{slot->entry.frame(size)}, size,
        duty_of_change(format, slot->entry, typename Format::Entry{}, slot->level)};
}

/// Visits every present entry below the table at `root`, children before the table that holds them:
/// `visit(level, entry, is_leaf)`. For giving everything back. Depth is bounded by the format's
/// levels.
template <PagingFormat Format, class Memory, class Visit>
constexpr void visit_entries(Format const& format, typename Format::Output root, Memory& memory,
                             Visit&& visit, unsigned level = Format::levels) {
    using Word = typename Format::Word;
    for (unsigned index = 0; index < Format::entries; ++index) {
        auto const word = memory.template read<Word>(root + std::uint64_t{index} * sizeof(Word));
        if (!word) continue;
        typename Format::Entry const entry{*word};
        if (!entry.present()) continue;
        bool const is_leaf = format.leaf(entry, level);
        if (!is_leaf)
            visit_entries(format, typename Format::Output{entry.table()}, memory, visit, level - 1);
        visit(level, entry, is_leaf);
    }
}

} // namespace twofold
