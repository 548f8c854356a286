// Where the pool keeps what it knows: one array of frames, and one of reference counts for each
// leaf size.
#pragma once

#include <twofold/memory/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace twofold {

/// Counts are apart from frames, and those of 4 KiB frames lie densely: whoever shares a table
/// counts one more reference for each of its 512 entries, and an address that is an index makes
/// that one instruction.
struct FrameMetadata {
    std::span<Frame> frames;
    /// How many page-table entries point to the frame, the 2 MiB block, the 1 GiB block: index 0,
    /// 1, 2.
    std::span<std::uint32_t> references[3];

    /// Bytes of storage for `frames` frames.
    static constexpr std::uint64_t bytes_for(std::uint64_t frames) {
        std::uint64_t counts = 0;
        for (unsigned level = 1; level <= 3; ++level)
            counts += blocks(frames, level);
        return frames * sizeof(Frame) + counts * sizeof(std::uint32_t);
    }

    /// Lays the arrays out in `storage`, which must be aligned to 16 bytes and hold
    /// bytes_for(`frames`).
    static FrameMetadata in(std::span<std::byte> storage, std::uint64_t frames) {
        FrameMetadata made;
        std::byte* next = storage.data();
        made.frames = {reinterpret_cast<Frame*>(next), frames};
        std::uninitialized_value_construct(made.frames.begin(), made.frames.end());
        next += made.frames.size_bytes();
        for (unsigned level = 1; level <= 3; ++level) {
            auto& counts = made.references[level - 1];
            counts = {reinterpret_cast<std::uint32_t*>(next), blocks(frames, level)};
            std::uninitialized_value_construct(counts.begin(), counts.end());
            next += counts.size_bytes();
        }
        return made;
    }

  private:
    /// Blocks that a leaf at `level` could map among `frames` frames, the last one perhaps in part.
    static constexpr std::uint64_t blocks(std::uint64_t frames, unsigned level) {
        return pages_for(frames << 12, PageSize{12 + 9 * (level - 1)});
    }
};
static_assert(FrameMetadata::bytes_for(1 << 18) <= (1 << 18) * std::uint64_t{32},
              "metadata is at most 32 bytes a frame");

} // namespace twofold
