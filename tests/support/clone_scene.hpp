// Spaces over recorded memory, to clone and to write to.
#pragma once

#include "catch.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/guest_space.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace twofold::test::clone_scene {

using Space = TestSpace;

/// A pool with a zero frame, and spaces out of it.
struct CloneScene {
    explicit CloneScene(std::uint64_t frames = 8192) : owned(frames) {
        zero_frame = pool.allocate();
        memory.zero(*zero_frame, 4096);
    }
    Space space(std::uint64_t bytes, PageSize leaf = page_4k) {
        auto made = Space::create(pool, memory, EptFormat<4>{},
                                  {.memory_bytes = bytes, .leaf = leaf, .zero_frame = zero_frame});
        REQUIRE(made);
        return std::move(*made);
    }
    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;
    std::optional<Hpa> zero_frame;
};

inline void put(Space& space, std::uint64_t gpa, std::uint8_t value) {
    std::byte const byte{value};
    REQUIRE(space.write(Gpa{gpa}, {&byte, 1}));
}

inline std::uint8_t get(Space& space, std::uint64_t gpa) {
    std::byte byte{};
    REQUIRE(space.read(Gpa{gpa}, {&byte, 1}));
    return std::to_integer<std::uint8_t>(byte);
}

inline Space clone_of(Space& space) {
    auto cloned = space.clone();
    REQUIRE(cloned);
    return std::move(cloned->space);
}

inline Violation access_to(std::uint64_t gpa, Access access) {
    return {.gpa = Gpa{gpa}, .access = access};
}

} // namespace twofold::test::clone_scene
