// Over-commit as a stated policy: how much memory may be promised to guests.
#pragma once

#include <twofold/arch/page_size.hpp>

#include <cstdint>

namespace twofold {

enum class OverCommit : std::uint8_t {
    /// Any guest may be told of any amount of memory. Frames are found when they are touched, by
    /// reclaim if need be; when nothing is left, the guest that asked stops.
    unlimited,
    /// Guests are told of no more than a part of what all frames and all swap slots can hold
    /// together, their EPT tables included. While that part is the whole or less, none of them can
    /// be stopped for want of memory.
    backed,
};

/// Keeps account of what was promised.
class Commitment {
  public:
    /// Frames that are kept for the pages that one instruction needs at a time: code, data and
    /// stack across two pages each, by walks of four tables.
    static constexpr std::uint64_t working_frames = 32;

    /// `frames`: those of the pool; `slots`: those of the swap area; `percent`: the part.
    Commitment(OverCommit policy, std::uint64_t frames, std::uint64_t slots,
               std::uint64_t percent = 100)
        : policy_(policy), frames_(frames),
          limit_((frames + slots) / 100 * percent + (frames + slots) % 100 * percent / 100) {}

    /// 4 KiB frames that a guest of `memory_bytes` can come to need for EPT tables, of 4 KiB pages
    /// with four levels. They stay in memory.
    static constexpr std::uint64_t tables_for(std::uint64_t memory_bytes) {
        constexpr PageSize pages_512g{39};
        return pages_for(memory_bytes, page_2m) + pages_for(memory_bytes, page_1g) +
               pages_for(memory_bytes, pages_512g) + 1;
    }
    /// The same for memory and tables.
    static constexpr std::uint64_t needed_for(std::uint64_t memory_bytes) {
        return pages_for(memory_bytes, page_4k) + tables_for(memory_bytes);
    }

    /// Promises a guest its memory. False, and nothing promised, if the policy forbids it.
    /// `beside`: further frames that the guest takes and that stay in memory.
    [[nodiscard]] bool promise(std::uint64_t memory_bytes, std::uint64_t beside = 0) {
        std::uint64_t const all = promised_ + needed_for(memory_bytes) + beside;
        std::uint64_t const resident = resident_ + tables_for(memory_bytes) + beside;
        if (policy_ == OverCommit::backed && (all > limit_ || resident + working_frames > frames_))
            return false;
        promised_ = all;
        resident_ = resident;
        return true;
    }
    /// A guest with that promise has ended.
    void take_back(std::uint64_t memory_bytes, std::uint64_t beside = 0) {
        promised_ -= needed_for(memory_bytes) + beside;
        resident_ -= tables_for(memory_bytes) + beside;
    }

    [[nodiscard]] OverCommit policy() const { return policy_; }
    [[nodiscard]] std::uint64_t promised_frames() const { return promised_; }
    /// What may be promised, with OverCommit::backed.
    [[nodiscard]] std::uint64_t limit() const { return limit_; }

  private:
    OverCommit policy_;
    std::uint64_t frames_;
    std::uint64_t limit_;
    std::uint64_t promised_ = 0;
    std::uint64_t resident_ = 0;
};

static_assert(Commitment::needed_for(std::uint64_t{2} << 20) == 512 + 1 + 1 + 1 + 1);

} // namespace twofold
