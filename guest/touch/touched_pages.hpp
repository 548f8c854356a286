// The pages that are touched, and what they must hold at any time.
#pragma once

#include "guest/kit/memory.hpp"

#include <cstdint>
#include <optional>

namespace twofold::guest {

/// A word of a page that is not what it must be.
struct WrongWord {
    Gpa gpa;
    std::uint64_t found;
    std::uint64_t expected;
};

/// `count` pages of 4 KiB, all zero when the guest starts. A touch by writing leaves a mark in a
/// page's first word, another in each pass; nothing else is ever written.
class TouchedPages {
  public:
    TouchedPages(Gpa first, std::uint64_t count) : first_(first), count_(count) {}

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] Gpa at(std::uint64_t page) const { return first_ + page * page_4k.bytes(); }

    void mark(std::uint64_t page, std::uint64_t pass) { *word(page, 0) = mark_of(page, pass); }
    [[nodiscard]] std::uint64_t first_word(std::uint64_t page) const { return *word(page, 0); }

    /// What is wrong first in `page`, which is to hold `first_word` and behind it zeros.
    [[nodiscard]] std::optional<WrongWord> check(std::uint64_t page,
                                                 std::uint64_t first_word) const {
        for (std::uint64_t index = 0; index < page_4k.bytes() / sizeof(std::uint64_t); ++index) {
            std::uint64_t const expected = index == 0 ? first_word : 0;
            std::uint64_t const found = *word(page, index);
            if (found != expected)
                return WrongWord{at(page) + index * sizeof(std::uint64_t), found, expected};
        }
        return std::nullopt;
    }

    /// Differs from page to page and from pass to pass, and is never 0.
    [[nodiscard]] std::uint64_t mark_of(std::uint64_t page, std::uint64_t pass) const {
        return at(page).value() << 8 | (pass & 0x7f) << 1 | 1;
    }

  private:
    [[nodiscard]] std::uint64_t volatile* word(std::uint64_t page, std::uint64_t index) const {
        return pointer_to<std::uint64_t volatile>(at(page)) + index;
    }

    Gpa first_;
    std::uint64_t count_;
};

} // namespace twofold::guest
