// Pages beside a model that says what each word of them must be.
#pragma once

#include "guest/kit/memory.hpp"

#include <twofold/model/random_numbers.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace twofold::guest {

/// What a page holds: the first word is apart, so that one store may change it alone.
struct PageModel {
    std::uint64_t first;
    std::uint64_t rest;

    /// Contents follow from stamps. 0: zeros.
    [[nodiscard]] static constexpr std::uint64_t word(std::uint64_t stamp, std::uint64_t index) {
        return stamp == 0 ? 0 : mixed(stamp + index * 0x9e37'79b9'7f4a'7c15);
    }
    [[nodiscard]] constexpr std::uint64_t word(std::uint64_t index) const {
        return word(index == 0 ? first : rest, index);
    }
    [[nodiscard]] constexpr bool zeros() const { return first == 0 && rest == 0; }
};

/// The model lies in guest memory as the pages do, and would go wrong together with them. So a
/// digest of it is kept in a debug register, which a clone inherits by another way than memory.
class ModelledPages {
  public:
    ModelledPages(Gpa first, std::span<PageModel> models) : first_(first), models_(models) {
        keep_digest(digest());
    }

    [[nodiscard]] std::uint64_t count() const { return models_.size(); }
    [[nodiscard]] Gpa at(std::uint64_t page) const { return first_ + page * page_4k.bytes(); }
    [[nodiscard]] bool zeros(std::uint64_t page) const { return models_[page].zeros(); }

    void store_first(std::uint64_t page, std::uint64_t stamp) {
        become(page, {stamp, models_[page].rest});
        words_of(page)[0] = PageModel::word(stamp, 0);
    }
    void fill(std::uint64_t page, std::uint64_t stamp) {
        become(page, {stamp, stamp});
        for (std::uint64_t index = 0; index < words; ++index)
            words_of(page)[index] = PageModel::word(stamp, index);
    }
    /// It was given back.
    void forget(std::uint64_t page) { become(page, {0, 0}); }

    [[nodiscard]] bool holds(std::uint64_t page, std::uint64_t index) const {
        return words_of(page)[index] == models_[page].word(index);
    }
    /// The first word of the page that is not as it must be.
    [[nodiscard]] std::optional<std::uint64_t> wrong_word(std::uint64_t page) const {
        for (std::uint64_t index = 0; index < words; ++index)
            if (!holds(page, index)) return index;
        return std::nullopt;
    }
    /// Whether the model is what it was made to be.
    [[nodiscard]] bool model_is_whole() const { return kept_digest() == digest(); }

    static constexpr std::uint64_t words = page_4k.bytes() / sizeof(std::uint64_t);

  private:
    [[nodiscard]] static constexpr std::uint64_t digest_of(std::uint64_t page,
                                                           PageModel const& model) {
        return mixed(mixed(mixed(page + 1) + model.first) + model.rest);
    }
    [[nodiscard]] std::uint64_t digest() const {
        std::uint64_t all = 0;
        for (std::uint64_t page = 0; page < models_.size(); ++page)
            all ^= digest_of(page, models_[page]);
        return all;
    }
    void become(std::uint64_t page, PageModel const& model) {
        keep_digest(kept_digest() ^ digest_of(page, models_[page]) ^ digest_of(page, model));
        models_[page] = model;
    }
    /// No breakpoint is enabled: the register only remembers.
    static void keep_digest(std::uint64_t digest) { asm volatile("mov %0, %%dr2" : : "r"(digest)); }
    [[nodiscard]] static std::uint64_t kept_digest() {
        std::uint64_t digest;
        asm volatile("mov %%dr2, %0" : "=r"(digest));
        return digest;
    }
    [[nodiscard]] std::uint64_t volatile* words_of(std::uint64_t page) const {
        return pointer_to<std::uint64_t volatile>(at(page));
    }

    Gpa first_;
    std::span<PageModel> models_;
};

} // namespace twofold::guest
