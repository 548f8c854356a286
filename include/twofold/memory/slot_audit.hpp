// Whether every count of a swap slot is the number of entries that name it, and none is lost.
#pragma once

#include <twofold/memory/swap_area.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace twofold {

struct SlotFinding {
    enum class What : std::uint8_t {
        /// More or fewer entries name the slot than are counted; none: it is in use for nobody.
        wrong_count,
        /// An entry names a slot that is free, and will be another page's.
        free_slot,
        /// An entry names a slot that there is not.
        foreign_slot,
        /// More or fewer slots are in use than the area says: both numbers are slots.
        wrong_total,
    };
    What what;
    /// Of wrong_total: how many there are.
    std::uint32_t slot;
    /// Of wrong_count and wrong_total.
    std::uint32_t counted = 0;
    std::uint32_t found = 0;
};

struct SlotAuditResult {
    /// All of the area, each of which was looked at.
    std::uint32_t slots = 0;
    /// Of these, not free.
    std::uint32_t used = 0;
    /// Entries that name a slot.
    std::uint64_t references = 0;
    std::uint64_t mismatches = 0;
    std::optional<SlotFinding> first = std::nullopt;
};

/// As reports have it.
constexpr std::string_view name_of(SlotFinding::What what) {
    switch (what) {
    case SlotFinding::What::wrong_count: return "wrong_count";
    case SlotFinding::What::free_slot: return "free_slot";
    case SlotFinding::What::foreign_slot: return "foreign_slot";
    case SlotFinding::What::wrong_total: return "wrong_total";
    }
    return "";
}

/// FrameAudit's part for one swap area, in the same two goes over all entries: each takes one from
/// the count of the slot that it names, and gives it back. Needs no memory.
class SlotAudit {
  public:
    /// `area`: nothing where no page was swapped out, and so no entry may name a slot.
    explicit SlotAudit(SwapArea* area) : area_(area) {}

    /// The first go: for each entry that names a slot, then once.
    void subtract(SwapSlot slot) {
        ++result_.references;
        if (area_ == nullptr || slot.number >= area_->slots_total())
            return find({SlotFinding::What::foreign_slot, slot.number});
        if (SwapArea::is_free(area_->counts_[slot.number]--))
            find({SlotFinding::What::free_slot, slot.number});
    }
    void expect_zero() {
        if (area_ == nullptr) return;
        result_.slots = area_->slots_total();
        for (std::uint32_t number = 0; number < result_.slots; ++number) {
            std::uint32_t const left = area_->counts_[number];
            if (SwapArea::is_free(left)) continue;
            ++result_.used;
            if (left == 0) continue;
            if (result_.mismatches == 0) first_left_ = left;
            find({SlotFinding::What::wrong_count, number});
        }
        if (result_.used != area_->slots_used())
            find(
                {SlotFinding::What::wrong_total, result_.slots, area_->slots_used(), result_.used});
    }

    /// The second go, in the same way.
    void add_back(SwapSlot slot) {
        if (area_ != nullptr && slot.number < area_->slots_total()) ++area_->counts_[slot.number];
    }
    SlotAuditResult finish() {
        if (result_.first && result_.first->what == SlotFinding::What::wrong_count) {
            result_.first->counted = area_->references({result_.first->slot});
            result_.first->found = result_.first->counted - first_left_;
        }
        return result_;
    }

  private:
    void find(SlotFinding const& finding) {
        if (result_.mismatches++ == 0) result_.first = finding;
    }

    SwapArea* area_;
    SlotAuditResult result_;
    /// What was left of the count that the first finding is about.
    std::uint32_t first_left_ = 0;
};

} // namespace twofold
