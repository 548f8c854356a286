// What must be invalidated after an entry has changed (Intel SDM vol. 3, "Invalidation of Caches"
// in the chapters on paging and on VMX support for address translation).
#pragma once

#include <twofold/arch/access.hpp>

#include <cstdint>

namespace twofold {

/// The reasons why translations cached from the old entry must go before the change may be relied
/// upon. Empty: none need go. Returned by whatever changes an entry, and carried out by who owns
/// the processor: INVEPT of the space for the second dimension, INVLPG for the first, on every
/// processor that may hold the translation.
class [[nodiscard]] Duty {
  public:
    enum class Reason : std::uint8_t {
        permission_removed = 1,
        frame_changed = 2,
        page_size_changed = 4,
        memory_type_changed = 8,
        accessed_or_dirty_cleared = 16,
    };

    constexpr Duty() = default;
    constexpr Duty(Reason reason) : reasons_(static_cast<std::uint8_t>(reason)) {}

    [[nodiscard]] constexpr bool must_invalidate() const { return reasons_ != 0; }
    [[nodiscard]] constexpr bool has(Reason reason) const {
        return (reasons_ & static_cast<std::uint8_t>(reason)) != 0;
    }
    constexpr Duty& operator|=(Duty other) {
        reasons_ = static_cast<std::uint8_t>(reasons_ | other.reasons_);
        return *this;
    }
    friend constexpr Duty operator|(Duty a, Duty b) { return a |= b; }
    friend constexpr bool operator==(Duty, Duty) = default;

  private:
    std::uint8_t reasons_ = 0;
};

/// The duty of replacing `before` by `after` at `level`. Nothing is cached from an entry that is
/// not present or not well formed, and a permission that is added costs at worst one more fault:
/// neither needs anything.
template <class Format>
constexpr Duty duty_of_change(Format const& format, typename Format::Entry before,
                              typename Format::Entry after, unsigned level) {
    using enum Duty::Reason;
    if (!before.present() || format.malformed(before, level) != 0) return {};
    if (!after.present()) return permission_removed;

    Duty duty;
    Permissions const had = before.permissions();
    if ((had & after.permissions()) != had) duty |= permission_removed;
    if (format.leaf(before, level) != format.leaf(after, level)) {
        duty |= page_size_changed;
    } else if (!format.leaf(before, level)) {
        if (before.table() != after.table()) duty |= frame_changed;
    } else {
        PageSize const size = Format::page_size(level);
        if (before.frame(size) != after.frame(size)) duty |= frame_changed;
        if (before.type_bits() != after.type_bits()) duty |= memory_type_changed;
    }
    if ((before.accessed() && !after.accessed()) || (before.dirty() && !after.dirty())) {
        duty |= accessed_or_dirty_cleared;
    }
    return duty;
}

} // namespace twofold
