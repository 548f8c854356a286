// Pages in which no two words are alike, and none is like what the page held before.
#pragma once

#include "guest/kit/memory.hpp"

#include <cstdint>
#include <optional>

namespace twofold::guest {

class FilledPages {
  public:
    static constexpr std::uint64_t words_of_page = page_4k.bytes() / sizeof(std::uint64_t);

    /// `owner`: different for guests whose pages must not be mistaken for each other's.
    /// Whether the words filled of a page lie at even distances.
    static constexpr bool can_fill(std::uint64_t words) {
        return words != 0 && (words & (words - 1)) == 0 && words <= words_of_page;
    }
    /// `words`: how many of each page, such that can_fill() is true; the first one among them.
    FilledPages(Gpa first, std::uint64_t count, std::uint64_t owner,
                std::uint64_t words = words_of_page)
        : first_(first), count_(count), owner_(owner), stride_(words_of_page / words) {}

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] Gpa at(std::uint64_t page) const { return first_ + page * page_4k.bytes(); }

    void fill(std::uint64_t page, std::uint64_t pass) {
        std::uint64_t word = first_word(page, pass);
        for (std::uint64_t i = 0; i < words_of_page; i += stride_, word += step)
            words_of(page)[i] = word;
    }
    /// The gpa of the first word that fill() has not left so.
    [[nodiscard]] std::optional<Gpa> wrong(std::uint64_t page, std::uint64_t pass) const {
        return unlike(page, first_word(page, pass), step);
    }
    /// The gpa of the first word that is not zero.
    [[nodiscard]] std::optional<Gpa> not_zero(std::uint64_t page) const {
        return unlike(page, 0, 0);
    }

  private:
    /// Odd, so that no word of a page comes twice.
    static constexpr std::uint64_t step = 0x9e37'79b9'7f4a'7c15;

    [[nodiscard]] std::uint64_t first_word(std::uint64_t page, std::uint64_t pass) const {
        return ((owner_ + 1) << 48 | pass << 32 | page) * 0xd6e8'feb8'6659'fd93;
    }
    [[nodiscard]] std::optional<Gpa> unlike(std::uint64_t page, std::uint64_t word,
                                            std::uint64_t by) const {
        for (std::uint64_t i = 0; i < words_of_page; i += stride_, word += by)
            if (words_of(page)[i] != word) return at(page) + i * sizeof word;
        return std::nullopt;
    }
    [[nodiscard]] std::uint64_t volatile* words_of(std::uint64_t page) const {
        return pointer_to<std::uint64_t volatile>(at(page));
    }

    Gpa first_;
    std::uint64_t count_;
    std::uint64_t owner_;
    std::uint64_t stride_;
};

} // namespace twofold::guest
