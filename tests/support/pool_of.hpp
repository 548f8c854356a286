// A frame pool with its metadata, as tests want one.
#pragma once

#include <twofold/memory/frame_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace twofold::test {

/// Owns `frames` frames from number `first` on, all of them free unless `empty`.
struct PoolOf {
    explicit PoolOf(std::uint64_t frames, std::uint64_t first = 0, bool empty = false)
        : storage(std::make_unique<std::max_align_t[]>(
              FrameMetadata::bytes_for(frames) / sizeof(std::max_align_t) + 1)),
          pool(FrameMetadata::in(
                   {reinterpret_cast<std::byte*>(storage.get()), FrameMetadata::bytes_for(frames)},
                   frames),
               first) {
        if (!empty) pool.add(Hpa{first << 12}, Hpa{(first + frames) << 12});
    }
    std::unique_ptr<std::max_align_t[]> storage;
    FramePool pool;
};

} // namespace twofold::test
