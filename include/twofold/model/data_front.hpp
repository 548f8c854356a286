// The look-up of data accesses in both levels of a TLB, for the streams that have pages of one
// size.
#pragma once

#include <twofold/model/translation_caches.hpp>

#include <cstdint>

namespace twofold {

/// What data accesses look up while each level has one place for them: a copy, so that it stays in
/// registers. Good until a translation of another size is put in, or the first global one, or
/// another context entered.
class DataFront {
  public:
    enum class Found : std::uint8_t {
        first_level,
        /// It is in the first level now.
        second_level,
        nothing,
        /// Something that does not allow the access.
        denied,
    };

    constexpr explicit DataFront(TranslationCaches& caches) {
        auto const* const first = caches.first_level().only_data_probe();
        auto const* const second = caches.second_level().only_data_probe();
        if (first == nullptr || second == nullptr) return;
        if (first->size_code != second->size_code || first->global != second->global) return;
        if (!first->array->has_short_rows() || second->array->has_short_rows()) return;
        rows_ = first->array->short_rows();
        page_mask_ = first->page_mask;
        low_bits_ = first->low_bits(caches.tags());
        rotation_ = first->rotation;
        second_rotation_ = second->rotation;
        second_ = second->array;
    }
    /// Whether `find` may be asked. If not, the levels are more than this knows of.
    [[nodiscard]] constexpr explicit operator bool() const { return second_ != nullptr; }

    /// Whether it is still good after something was put in.
    [[nodiscard, gnu::always_inline]] constexpr bool holds(TranslationCaches& caches) const {
        return caches.first_level().only_data_probe() != nullptr &&
               caches.second_level().only_data_probe() != nullptr;
    }

    /// Looks up as both levels would. `access` must not be `execute`.
    [[nodiscard, gnu::always_inline]] constexpr Found find(Gva gva, Access access) const {
        std::uint64_t const key = (gva.value() & page_mask_) | low_bits_;
        auto const set = rows_.set_of(gva.value(), rotation_);
        if (auto const* const hit = rows_.find_in(set, key)) [[likely]]
            return hit->allowed.allow(access) ? Found::first_level : Found::denied;
        auto const* const hit =
            second_->find_in_long(second_->set_of(gva.value(), second_rotation_), key);
        if (hit == nullptr) return Found::nothing;
        if (!hit->allowed.allow(access)) return Found::denied;
        rows_.insert_in(set, key, *hit);
        return Found::second_level;
    }

  private:
    TlbLevel<most_first_level_entries>::Array::ShortRows rows_{};
    std::uint64_t page_mask_ = 0;
    std::uint64_t low_bits_ = 0;
    std::uint32_t rotation_ = 0;
    std::uint32_t second_rotation_ = 0;
    TlbLevel<most_second_level_entries>::Array* second_ = nullptr;
};

} // namespace twofold
