// A processor's translation of a stream of accesses: TLBs first, then the walk that its caches
// leave.
#pragma once

#include <twofold/model/data_front.hpp>
#include <twofold/model/space_translation.hpp>
#include <twofold/model/translation_caches.hpp>

#include <cstdint>

namespace twofold {

enum class Outcome : std::uint8_t {
    first_level_hit,
    second_level_hit,
    /// Both levels missed and a walk found the translation.
    walked,
    /// There is no translation that allows the access. What the fault itself invalidates is gone.
    faulted,
};

/// Translates through `caches` and, on a miss, by `space`'s walk. Space: NativeSpace, NestedSpace.
template <class Space>
class TranslationModel {
  public:
    constexpr TranslationModel(Space const& space, TranslationCaches& caches)
        : space_(space), caches_(caches) {
        space_.prepare(caches_);
    }

    /// One access, calling `observe(Reference)` for each reference of its walk.
    template <class Observer>
    [[gnu::always_inline]] constexpr Outcome access(Gva gva, Access access, Observer&& observe) {
        if (auto const* const hit = caches_.first_level().find(gva, access, caches_.tags())) {
            if (hit->allowed.allow(access)) [[likely]] {
                return Outcome::first_level_hit;
            }
            return refill(gva, access, observe);
        }
        return after_first_level(gva, access, observe);
    }

    /// An access that both levels were seen to miss.
    template <class Observer>
    [[gnu::noinline]] constexpr Outcome walk(Gva gva, Access access, Observer& observe) {
        return caches_.walks_one_to_four() ? walk_in<RowsKnown::one_to_four>(gva, access, observe)
                                           : walk_in<RowsKnown::any>(gva, access, observe);
    }

    /// Why the last access that ended in `faulted` did.
    [[nodiscard]] constexpr NestedFault const& fault() const { return fault_; }
    [[nodiscard]] constexpr TranslationCaches& caches() { return caches_; }

  private:
    template <RowsKnown Rows, class Observer>
    [[gnu::always_inline]] constexpr Outcome walk_in(Gva gva, Access access, Observer& observe) {
        auto const to = space_.template walk<Rows>(gva, caches_, observe, fault_);
        if (!to.found) [[unlikely]]
            return fail(gva);
        if (!to.fill.allowed.allow(access)) [[unlikely]] {
            fault_ = to.denial(access);
            return fail(gva);
        }
        keep(to.fill, access, caches_.tags());
        return Outcome::walked;
    }
    template <class Observer>
    [[gnu::noinline]] constexpr Outcome after_first_level(Gva gva, Access access,
                                                          Observer& observe) {
        if (auto const* const hit = caches_.second_level().find(gva, access, caches_.tags())) {
            if (!hit->allowed.allow(access)) return refill(gva, access, observe);
            caches_.first_level().copy(gva, *hit, access, caches_.tags());
            return Outcome::second_level_hit;
        }
        return walk(gva, access, observe);
    }
    /// A cached translation that does not allow the access is not believed: it goes, and the
    /// tables are walked.
    template <class Observer>
    [[gnu::noinline]] constexpr Outcome refill(Gva gva, Access access, Observer& observe) {
        caches_.page_fault(gva);
        return walk(gva, access, observe);
    }

    [[gnu::always_inline]] constexpr void keep(TlbFill const& fill, Access access, TlbTags tags) {
        if (fill.size == page_4k && !fill.global) [[likely]] {
            TlbEntry const entry{fill.hpa.aligned_down(page_4k.bytes()), fill.allowed, page_4k, 0,
                                 fill.guest_page};
            caches_.second_level().insert_4k(fill.gva, entry, access, tags.own);
            caches_.first_level().insert_4k(fill.gva, entry, access, tags.own);
            return;
        }
        keep_other({fill}, access, tags);
    }
    /// Takes a copy, so that nothing else of a fill has to lie in memory.
    [[gnu::noinline]] constexpr void keep_other(TlbFill fill, Access access, TlbTags tags) {
        caches_.second_level().insert(fill, access, tags);
        caches_.first_level().insert(fill, access, tags);
    }
    [[gnu::noinline]] constexpr Outcome fail(Gva gva) {
        if (fault_.dimension == Dimension::ept) {
            caches_.ept_violation(fault_.gpa, gva);
        } else {
            caches_.page_fault(gva);
        }
        return Outcome::faulted;
    }

    Space space_;
    TranslationCaches& caches_;
    NestedFault fault_{};
};

} // namespace twofold
