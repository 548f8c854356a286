// Which pages a guest has written since somebody last looked.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

/// One bit for each 4 KiB page of a guest's memory.
class DirtyLog {
  public:
    static constexpr std::uint64_t words_for(std::uint64_t memory_bytes) {
        return (pages_for(memory_bytes, page_4k) + 63) / 64;
    }

    /// `words`: words_for() the guest's memory; cleared here.
    explicit DirtyLog(std::span<std::uint64_t> words) : words_(words) { clear(); }

    /// A page beyond the log is left out.
    void mark(Gpa gpa) {
        std::uint64_t const page = gpa.value() >> page_4k.shift();
        if (page / 64 < words_.size()) words_[page / 64] |= std::uint64_t{1} << page % 64;
    }
    [[nodiscard]] bool marked(Gpa gpa) const {
        std::uint64_t const page = gpa.value() >> page_4k.shift();
        return page / 64 < words_.size() && (words_[page / 64] >> page % 64 & 1) != 0;
    }
    [[nodiscard]] std::uint64_t count() const {
        std::uint64_t pages = 0;
        for (std::uint64_t const word : words_)
            pages += static_cast<unsigned>(std::popcount(word));
        return pages;
    }
    void clear() {
        for (std::uint64_t& word : words_)
            word = 0;
    }
    /// Calls `visit(gpa)` for each marked page, ascending.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for_each_in(words_, visit);
    }
    /// The same for the words of another one.
    template <class Visit>
    static void for_each_in(std::span<std::uint64_t const> words, Visit&& visit) {
        for (std::size_t at = 0; at < words.size(); ++at) {
            for (std::uint64_t left = words[at]; left != 0; left &= left - 1) {
                auto const page = at * 64 + static_cast<unsigned>(std::countr_zero(left));
                visit(Gpa{page << page_4k.shift()});
            }
        }
    }

  private:
    std::span<std::uint64_t> words_;
};

/// A set of pages in short, as logs by different means compare it.
struct DirtyPages {
    std::uint64_t count = 0;
    /// FNV-1a over the numbers of the pages, ascending, a word each.
    std::uint64_t digest = 0xcbf2'9ce4'8422'2325;

    void add(std::uint64_t page) {
        ++count;
        digest = (digest ^ page) * 0x0000'0100'0000'01b3;
    }
};

/// The page-modification log of a processor: 512 guest-physical addresses, filled from the last one
/// downwards (Intel SDM vol. 3, "Page-Modification Logging").
struct PageModificationLog {
    static constexpr std::uint16_t entries = 512;
    /// The PML index of an empty log.
    static constexpr std::uint16_t empty = entries - 1;

    /// Marks what the log at `page` holds when its index is `index`, which the owner sets back to
    /// `empty` afterwards. Returns how many addresses that were. An index of 512 or more says that
    /// the log is full.
    template <class Memory>
    static std::uint16_t drain(Memory& memory, Hpa page, std::uint16_t index, DirtyLog& log) {
        auto const first = static_cast<std::uint16_t>(index >= entries ? 0 : index + 1);
        for (std::uint16_t at = first; at < entries; ++at) {
            auto const word =
                memory.template read<std::uint64_t>(page + std::uint64_t{at} * sizeof(Gpa));
            if (word) log.mark(Gpa{*word});
        }
        return static_cast<std::uint16_t>(entries - first);
    }
};

} // namespace twofold
