// A guest's first page tables: each gva is its own gpa.
#pragma once

#include <twofold/load/guest_layout.hpp>
#include <twofold/load/guest_memory.hpp>
#include <twofold/paging/map.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::detail {

/// Hands out the frames of a layout's tables, one after another.
template <GuestMemory M>
class ConsecutiveTables {
  public:
    ConsecutiveTables(LoadTarget<M>& target, Gpa first) : target_(target), next_(first) {}

    std::optional<Gpa> allocate_table() {
        Gpa const table = next_;
        if (!target_.clear(table, page_4k.bytes())) return std::nullopt;
        next_ = next_ + page_4k.bytes();
        return table;
    }
    /// Only after a failure, when nothing of the guest is kept.
    void free_table(Gpa) {}

  private:
    LoadTarget<M>& target_;
    Gpa next_;
};

/// Fills `table`, of zeros so far, with leaves for the pages of `page` from `first` to
/// `memory_bytes`, as many as it holds. A buffer at a time: a call to guest memory costs far more
/// than an entry.
template <GuestMemory M>
[[nodiscard]] bool fill_with_leaves(LoadTarget<M>& target, Gpa table, std::uint64_t first,
                                    std::uint64_t memory_bytes, PageSize page) {
    std::array<std::uint64_t, 128> words;
    std::uint64_t const bits =
        X86Entry::to_frame(0, GuestPaging::level_of(page), read_write_execute).word();
    std::uint64_t frame = first;
    std::uint64_t const pages =
        std::min<std::uint64_t>(pages_for(memory_bytes - first, page), GuestPaging::entries);
    for (std::uint64_t done = 0; done < pages; done += words.size()) {
        std::uint64_t const count = std::min<std::uint64_t>(pages - done, words.size());
        for (std::uint64_t i = 0; i < count; ++i, frame += page.bytes())
            words[i] = frame | bits;
        auto const bytes = std::as_bytes(std::span{words}.first(count));
        if (!target.place(table + done * sizeof(std::uint64_t), bytes)) return false;
    }
    return true;
}

/// Writes the tables of `layout`, which map [0, memory_bytes) to itself, writable and executable;
/// the last large leaf may reach beyond. Whole tables of leaves are made first, then hung in by
/// the editor.
template <GuestMemory M>
[[nodiscard]] bool map_identity(LoadTarget<M>& target, GuestLayout const& layout,
                                GuestOptions const& options) {
    constexpr GuestPaging format{};
    unsigned const parent = GuestPaging::level_of(options.guest_page) + 1;
    ConsecutiveTables<M> tables{target, layout.cr3};

    auto const root = tables.allocate_table();
    if (!root) return false;
    for (std::uint64_t at = 0; at < options.memory_bytes;
         at += GuestPaging::page_size(parent).bytes()) {
        auto const table = tables.allocate_table();
        if (!table ||
            !fill_with_leaves(target, *table, at, options.memory_bytes, options.guest_page))
            return false;
        auto const slot = find_slot(format, *root, Gva{at}, parent, target);
        if (!slot) return false;
        auto const entry = X86Entry::to_table(table->value());
        if (!install(format, *slot, Gva{at}, parent, entry, target, tables)) return false;
    }
    return true;
}

} // namespace twofold::detail
