// All tables and leaves of one dimension, in the order of the addresses that they translate.
#pragma once

#include <twofold/arch/paging_format.hpp>
#include <twofold/paging/memory.hpp>

#include <cstdint>

namespace twofold {

namespace detail {

template <unsigned Level, PagingFormat Format, class Memory, class Visitor>
constexpr void visit_table(Format const& format, typename Format::Output table,
                           typename Format::Input first, Memory& memory, Visitor& visitor) {
    if constexpr (Level > 0) {
        using Word = typename Format::Word;
        if (!visitor.table(Level, table, first)) return;
        for (std::uint64_t index = 0; index < Format::entries; ++index) {
            auto const word = memory.template read<Word>(table + index * sizeof(Word));
            if (!word) continue;
            typename Format::Entry const entry{*word};
            if (!entry.present() || format.malformed(entry, Level) != 0) continue;
            auto const from = first + index * Format::page_size(Level).bytes();
            if (format.leaf(entry, Level)) {
                visitor.leaf(Level, entry, from);
            } else {
                visit_table<Level - 1>(format, typename Format::Output{entry.table()}, from, memory,
                                       visitor);
            }
        }
    }
}

} // namespace detail

/// Calls `visitor.table(level, address, first)` for each table that is reached, before what it
/// holds, `first` being the lowest address that it translates, and `visitor.leaf(level, entry,
/// first)` for each present and well-formed leaf. Where table() returns false, what the table holds
/// is left out: tables that lead back to themselves are visited once for each way to them, so that
/// the visitor of tables that it did not make must count. Entries that cannot be read are skipped.
/// Addresses above the middle are not sign-extended. Writes nothing.
template <PagingFormat Format, class Memory, class Visitor>
constexpr void visit_tables(Format const& format, typename Format::Root const& root, Memory& memory,
                            Visitor&& visitor) {
    using Input = typename Format::Input;
    std::uint64_t const covered = Format::page_size(Format::levels + 1).bytes();
    // PAE: one table for each of the registers.
    std::uint64_t from = 0;
    do {
        auto const table = Format::top_table(root, Input{from});
        if (table)
            detail::visit_table<Format::levels>(format, *table, Input{from}, memory, visitor);
        from += covered;
    } while (from < Format::input_end);
}

} // namespace twofold
