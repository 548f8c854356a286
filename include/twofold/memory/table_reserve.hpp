// Frames kept back for tables, so that a large page can be split when no other frame is left.
#pragma once

#include <twofold/memory/frame_pool.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace twofold {

/// Frames of a pool, which count as used there until they are given back.
class TableReserve {
  public:
    /// A page of 1 GiB becomes pages of 4 KiB, in one place, by two tables.
    static constexpr std::uint32_t capacity = 2;

    /// Keeps nothing until fill().
    explicit TableReserve(FramePool& pool) : pool_(&pool) {}

    /// Takes what is missing, as far as the pool has it.
    void fill() {
        for (Hpa frame; count_ < capacity && pool_->take(frame);)
            frames_[count_++] = frame;
    }
    /// To the pool, for who allocates right after it.
    void give_back() {
        while (count_ > 0)
            pool_->release(frames_[--count_]);
    }

    [[nodiscard]] FramePool& pool() const { return *pool_; }
    [[nodiscard]] std::span<Hpa const> frames() const { return std::span{frames_}.first(count_); }

  private:
    FramePool* pool_;
    std::array<Hpa, capacity> frames_{};
    std::uint32_t count_ = 0;
};

} // namespace twofold
