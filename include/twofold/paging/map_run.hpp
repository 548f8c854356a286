// Mapping of many pages that follow each other: one descent for each table of them.
#pragma once

#include <twofold/paging/map.hpp>

namespace twofold {

namespace detail {

/// Stores what `leaf(page)` gives into the entries behind `slot`, for pages 1 to `pages` - 1 of a
/// run whose page 0 stands at `slot`, but not beyond the table's end. Returns at which page it
/// ended.
template <PagingFormat Format, class Memory, class Tables, class Leaf>
[[nodiscard]] constexpr std::expected<std::uint64_t, MapError>
fill_table(Format const& format, Slot<Format> slot, typename Format::Input input, PageSize size,
           std::uint64_t pages, Leaf&& leaf, Memory& memory, Tables& tables, Duty& duty) {
    using Word = typename Format::Word;
    std::uint64_t const room = Format::entries - Format::index(input, slot.level);
    std::uint64_t const end = pages < room ? pages : room;
    for (std::uint64_t page = 1; page < end; ++page) {
        slot.address = slot.address + sizeof(Word);
        auto const word = memory.template read<Word>(slot.address);
        if (!word) return std::unexpected(MapError::memory_failed);
        if (slot.entry = typename Format::Entry{*word}; !slot.entry.present()) {
            if (!memory.write(slot.address, leaf(page).word()))
                return std::unexpected(MapError::memory_failed);
            continue;
        }
        auto const replaced = install(format, slot, input + page * size.bytes(), slot.level,
                                      leaf(page), memory, tables);
        if (!replaced) return std::unexpected(replaced.error());
        duty |= *replaced;
    }
    return end;
}

} // namespace detail

/// Maps `bytes` from `input` on to those from `output` on by pages of `size`; all three must be
/// multiples of it. Each page is mapped by one store, as map() does it, in the order of addresses:
/// after an error those before it stay. The duty is that of all pages.
template <PagingFormat Format, class Memory, TableAllocator<typename Format::Output> Tables>
[[nodiscard]] constexpr std::expected<Duty, MapError>
map_run(Format const& format, typename Format::Output root, typename Format::Input input,
        std::uint64_t bytes, PageSize size, typename Format::Output output, Permissions permissions,
        Memory& memory, Tables& tables, MemoryType type = MemoryType::write_back) {
    unsigned const target = Format::level_of(size);
    if (target == 0) return std::unexpected(MapError::no_such_page_size);
    if (bytes % size.bytes() != 0) return std::unexpected(MapError::misaligned);
    std::uint64_t const pages = bytes / size.bytes();
    auto const leaf_of = [&](std::uint64_t page) {
        return Format::Entry::to_frame((output + page * size.bytes()).value(), target, permissions,
                                       type);
    };
    // Reserved bits are above those of an address: what holds for the last page holds for all.
    if (pages != 0 && format.malformed(leaf_of(pages - 1), target) != 0)
        return std::unexpected(MapError::misaligned);
    Duty duty;
    for (std::uint64_t page = 0; page < pages;) {
        auto const here = input + page * size.bytes();
        auto const first = map(format, root, here, size, output + page * size.bytes(), permissions,
                               memory, tables, type);
        if (!first) return first;
        duty |= *first;
        auto const slot = find_slot(format, root, here, target, memory);
        if (!slot) return std::unexpected(slot.error());
        auto const filled = detail::fill_table(
            format, *slot, here, size, pages - page,
            [&](std::uint64_t next) { return leaf_of(page + next); }, memory, tables, duty);
        if (!filled) return std::unexpected(filled.error());
        page += *filled;
    }
    return duty;
}

} // namespace twofold
