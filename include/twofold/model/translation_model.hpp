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
        : space_(space), caches_(caches) {}

    /// One access, calling `observe(Reference)` for each reference of its walk.
    template <class Observer>
    [[gnu::always_inline]] constexpr Outcome access(Gva gva, Access access, Observer&& observe) {
        if (auto const* const hit = caches_.first_level().find(gva, access, caches_.tag())) {
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
        auto const found = space_.walk(gva, caches_, observe);
        if (!found) [[unlikely]]
            return fail(gva, found.error());
        if (!found->fill.allowed.allow(access)) [[unlikely]]
            return fail(gva, found->denial(access));
        caches_.second_level().insert(found->fill, access, caches_.tag());
        caches_.first_level().insert(found->fill, access, caches_.tag());
        return Outcome::walked;
    }

    /// Why the last access that ended in `faulted` did.
    [[nodiscard]] constexpr NestedFault const& fault() const { return fault_; }
    [[nodiscard]] constexpr TranslationCaches& caches() { return caches_; }

  private:
    template <class Observer>
    [[gnu::noinline]] constexpr Outcome after_first_level(Gva gva, Access access,
                                                          Observer& observe) {
        if (auto const* const hit = caches_.second_level().find(gva, access, caches_.tag())) {
            if (!hit->allowed.allow(access)) return refill(gva, access, observe);
            caches_.first_level().copy(gva, *hit, access, caches_.tag());
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

    [[gnu::noinline]] constexpr Outcome fail(Gva gva, NestedFault const& fault) {
        fault_ = fault;
        if (fault.dimension == Dimension::ept) {
            caches_.ept_violation(fault.gpa, gva);
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
