// Frames that were zeroed while there was nothing else to do, so that a first write need not wait
// for it.
#pragma once

#include <twofold/memory/frame_pool.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace twofold {

/// A stack of zeroed 4 KiB frames out of a pool. What lies in it counts as used there, until
/// drain() gives it back.
class ZeroedStock {
  public:
    static constexpr std::uint32_t capacity = 512;

    /// Takes a zeroed frame with one reference. False when the stock is empty.
    [[nodiscard]] bool take(Hpa& frame) {
        if (count_ == 0) return false;
        frame = frames_[--count_];
        return true;
    }

    /// Adds up to `wanted` frames. Returns how many came: fewer when the stock is full or the pool
    /// is empty.
    template <class Memory>
    std::uint32_t refill(FramePool& pool, Memory& memory, std::uint32_t wanted) {
        std::uint32_t added = 0;
        for (; added < wanted && count_ < capacity; ++added) {
            auto const frame = pool.allocate();
            if (!frame) break;
            memory.zero(*frame, page_4k.bytes());
            frames_[count_++] = *frame;
        }
        return added;
    }

    /// Gives everything back to the pool it came from.
    void drain(FramePool& pool) {
        while (count_ > 0)
            pool.release(frames_[--count_]);
    }

    [[nodiscard]] std::uint32_t size() const { return count_; }
    /// What lies in it.
    [[nodiscard]] std::span<Hpa const> frames() const { return std::span{frames_}.first(count_); }

  private:
    std::array<Hpa, capacity> frames_{};
    std::uint32_t count_ = 0;
};

} // namespace twofold
