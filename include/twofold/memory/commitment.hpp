// Over-commit as a stated policy: how much memory may be promised to guests.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <cstdint>

namespace twofold {

enum class OverCommit : std::uint8_t {
    /// Any guest may be told of any amount of memory. Frames are found when they are touched, by
    /// reclaim if need be; when nothing is left, the guest that asked stops.
    unlimited,
    /// Guests are told of no more than all frames and all swap slots can hold together, their EPT
    /// tables included, so that none of them can be stopped for want of memory.
    backed,
};

/// Keeps account of what was promised.
class Commitment {
  public:
    /// `frames`: those of the pool; `slots`: those of the swap area.
    Commitment(OverCommit policy, std::uint64_t frames, std::uint64_t slots)
        : policy_(policy), frames_(frames), slots_(slots) {}

    /// 4 KiB frames that a guest of `memory_bytes` can come to need, tables of 4 KiB pages with
    /// four levels included.
    static constexpr std::uint64_t needed_for(std::uint64_t memory_bytes) {
        constexpr PageSize pages_512g{39};
        return pages_for(memory_bytes, page_4k) + pages_for(memory_bytes, page_2m) +
               pages_for(memory_bytes, page_1g) + pages_for(memory_bytes, pages_512g) + 1;
    }

    /// Promises a guest its memory. False, and nothing promised, if the policy forbids it.
    [[nodiscard]] bool promise(std::uint64_t memory_bytes) {
        std::uint64_t const more = needed_for(memory_bytes);
        if (policy_ == OverCommit::backed && more > frames_ + slots_ - promised_) return false;
        promised_ += more;
        return true;
    }
    /// A guest with that promise has ended.
    void take_back(std::uint64_t memory_bytes) { promised_ -= needed_for(memory_bytes); }

    [[nodiscard]] std::uint64_t promised_frames() const { return promised_; }

  private:
    OverCommit policy_;
    std::uint64_t frames_;
    std::uint64_t slots_;
    std::uint64_t promised_ = 0;
};

static_assert(Commitment::needed_for(std::uint64_t{2} << 20) == 512 + 1 + 1 + 1 + 1);

} // namespace twofold
