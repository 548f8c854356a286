// FramePool: large blocks. Included by frame_pool.hpp.
#pragma once

#include <twofold/memory/frame_pool.hpp>

namespace twofold {

inline bool FramePool::is_unreferenced_block(std::uint64_t at, unsigned level) const {
    if (data_.frames[at].state != Frame::State::free || reached_from_above(at, level)) return false;
    std::uint64_t const frames = std::uint64_t{1} << shift(level);
    for (unsigned part = 1; part <= level; ++part) {
        auto const counts = data_.references[part - 1].subspan(at >> shift(part));
        for (std::uint64_t i = 0; i < frames >> shift(part); ++i)
            if (counts[i] != 0) return false;
    }
    return true;
}

inline std::optional<Hpa> FramePool::allocate_large(unsigned level) {
    unsigned const order = shift(level);
    while ((available_ & ~((1U << order) - 1)) != 0) {
        std::uint64_t const at = split_off(order);
        if (!is_unreferenced_block(at, level)) {
            withhold(at, level);
            continue;
        }
        data_.frames[at].state = Frame::State::allocated;
        data_.frames[at].order = static_cast<std::uint8_t>(order);
        data_.references[level - 1][at >> order] = 1;
        has_large_blocks_ = true;
        free_ -= std::uint64_t{1} << order;
        return address(at);
    }
    return std::nullopt;
}

inline void FramePool::split(Hpa frame, unsigned level) {
    std::uint64_t const at = index(frame);
    std::uint64_t const part = std::uint64_t{1} << shift(level - 1);
    bool const whole = data_.frames[at].order == shift(level);
    for (unsigned i = 0; i < 512; ++i) {
        std::uint64_t const head = at + i * part;
        ++data_.references[level - 2][head >> shift(level - 1)];
        if (!whole) continue;
        data_.frames[head].state = Frame::State::allocated;
        data_.frames[head].order = static_cast<std::uint8_t>(shift(level - 1));
    }
    --count(frame, level);
}

inline void FramePool::join(Hpa frame, unsigned level) {
    has_large_blocks_ = true;
    std::uint64_t const at = index(frame);
    std::uint64_t const part = std::uint64_t{1} << shift(level - 1);
    for (unsigned i = 0; i < 512; ++i)
        data_.references[level - 2][(at + i * part) >> shift(level - 1)] = 0;
    data_.frames[at].order = static_cast<std::uint8_t>(shift(level));
    count(frame, level) = 1;
}

} // namespace twofold
