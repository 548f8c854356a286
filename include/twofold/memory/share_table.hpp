// Sharing of whole EPT subtrees: what makes a clone cost the same however much memory it has.
//
// The law that everything here keeps: an entry that allows writing is the only entry that points to
// what it points to. So a path whose every entry allows writing is private, and a frame that two
// entries point to is writable through neither.
#pragma once

#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/swap_area.hpp>
#include <twofold/paging/map.hpp>

#include <concepts>
#include <cstdint>
#include <optional>

namespace twofold {

/// The entry without its write permission; everything else as it was.
template <class Entry>
constexpr Entry without_write(Entry entry) {
    return Entry{entry.word() & ~Entry::write_bit};
}

/// The entry with write permission; everything else as it was.
template <class Entry>
constexpr Entry with_write(Entry entry) {
    return Entry{entry.word() | Entry::write_bit};
}

/// The same for an entry that is not present: it may name a page that was swapped out.
template <class Word, class Memory>
void share_absent(Word word, Hpa to, Memory& memory, SwapArea* swap) {
    if (!SwappedEntry::is(word)) return;
    swap->retain(SwappedEntry::slot(word));
    (void)memory.write(to, word);
}

/// Makes the entry at `from` that of `to` as well, read-only in both, with one more reference to
/// what it points to. Returns what the spaces that reach `from` must invalidate.
template <PagingFormat Format, class Memory>
Duty share_entry(Format const& format, Hpa from, Hpa to, unsigned level, Memory& memory,
                 FramePool& pool, SwapArea* swap) {
    using Entry = typename Format::Entry;
    Entry const entry{*memory.template read<typename Format::Word>(from)};
    if (!entry.present()) {
        share_absent(entry.word(), to, memory, swap);
        return {};
    }
    if (format.leaf(entry, level)) {
        pool.retain(Hpa{entry.frame(Format::page_size(level))}, level);
    } else {
        pool.retain(Hpa{entry.table()});
    }
    Entry const kept = without_write(entry);
    if (kept != entry) (void)memory.write(from, kept.word());
    (void)memory.write(to, kept.word());
    return duty_of_change(format, entry, kept, level);
}

/// Memory that has a faster way to do the same to a whole table: see share_entries().
template <class Memory>
concept SharesTables = requires(Memory& memory, Hpa hpa, std::uint32_t* counts) {
    { memory.share_small_entries(hpa, hpa, counts) } -> std::same_as<void>;
};

/// Makes the entries of the table `from` those of `to` as well. `to` must be a frame of the
/// caller's that nothing points to yet; all of it is overwritten. No path through `from` may allow
/// writing: then nothing has to be invalidated.
template <PagingFormat Format, class Memory>
void share_entries(Format const& format, Hpa from, Hpa to, unsigned level, Memory& memory,
                   FramePool& pool, SwapArea* swap) {
    // Where each entry is zero, or points to something that is counted in small frames, there is no
    // case to distinguish.
    if constexpr (SharesTables<Memory>) {
        bool const small_only = level == 1 || !pool.has_large_blocks();
        if (std::uint32_t* const counts = pool.counts_by_number();
            counts != nullptr && small_only && swap == nullptr) {
            std::uint32_t const of_nothing = counts[0];
            memory.share_small_entries(from, to, counts);
            counts[0] = of_nothing;
            return;
        }
    }
    memory.zero(to, page_4k.bytes());
    for (std::uint64_t offset = 0; offset < page_4k.bytes();
         offset += sizeof(typename Format::Word)) {
        // Whoever reaches `from` has had no write permission since a clone took it away above.
        (void)share_entry(format, from + offset, to + offset, level, memory, pool, swap);
    }
}

} // namespace twofold
