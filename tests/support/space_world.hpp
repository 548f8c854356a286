// A machine's memory with guest spaces in it, as tests of the memory manager want one.
#pragma once

#include "catch.hpp"
#include "support/fake_mmu.hpp"
#include "support/fake_swap_device.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"
#include "support/space_laws.hpp"

#include <twofold/memory/frame_audit.hpp>
#include <twofold/memory/guest_space.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace twofold::test {

inline constexpr std::uint64_t kib = 1 << 10;
inline constexpr std::uint64_t mib = 1 << 20;
inline constexpr std::uint64_t gib = 1 << 30;

using TestSpace = GuestSpace<EptFormat<4>, RecordingMemory>;

struct SpaceWorld {
    /// The pool has the frames from `first` to `frames`, and the metadata of all below.
    explicit SpaceWorld(std::uint64_t frames = 8192, std::uint32_t slots = 256,
                        std::uint64_t first = 0)
        : owned(frames, 0, true), swap(memory, slots) {
        pool.add(Hpa{first << 12}, Hpa{frames << 12});
        zero_frame = pool.allocate();
        memory.zero(*zero_frame, 4096);
        spaces.reserve(64);
    }

    SpaceOptions options(std::uint64_t bytes, PageSize leaf = page_4k) {
        return {.memory_bytes = bytes, .leaf = leaf, .zero_frame = zero_frame, .swap = &swap.area};
    }
    TestSpace& space(SpaceOptions const& wanted) {
        auto made = TestSpace::create(pool, memory, EptFormat<4>{}, wanted);
        REQUIRE(made);
        return keep(std::move(*made));
    }
    TestSpace& space(std::uint64_t bytes, PageSize leaf = page_4k) {
        return space(options(bytes, leaf));
    }
    TestSpace& clone(TestSpace& parent) {
        auto cloned = parent.clone();
        REQUIRE(cloned);
        return keep(std::move(cloned->space));
    }
    /// Accesses of a guest, by the processor.
    void put(TestSpace& space, std::uint64_t gpa, std::uint8_t value) {
        REQUIRE(mmu.write(space, Gpa{gpa}, value));
    }
    std::uint8_t get(TestSpace& space, std::uint64_t gpa) {
        auto const value = mmu.read(space, Gpa{gpa});
        REQUIRE(value);
        return *value;
    }
    /// What is there without an access; nothing mapped reads as 0.
    std::uint8_t peek(TestSpace const& space, std::uint64_t gpa) const {
        auto const hpa = space.translate(Gpa{gpa});
        return hpa ? memory.get<std::uint8_t>(hpa->value()) : 0;
    }
    void require_laws() {
        require_space_laws(spaces, pool, zero_frame, &swap.area);
        AuditResult const result = audit();
        if (!result.clean())
            FAIL("the audit has found " << result.mismatches << " mismatches of frames, "
                                        << result.swap.mismatches << " of slots");
    }
    AuditResult audit() {
        return FrameAudit{pool, &swap.area}.run([&](FrameAudit& audit) {
            for (auto& space : spaces)
                if (space) audit.space(*space);
            audit.shared(*zero_frame);
        });
    }
    PageSize page_size_at(TestSpace& space, std::uint64_t gpa) {
        auto const found = walk(EptFormat<4>{}, space.root(), Gpa{gpa}, memory);
        REQUIRE(found);
        return found->page_size;
    }

    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;
    std::optional<Hpa> zero_frame;
    SwapOf swap;
    FakeMmu<TestSpace> mmu{memory};
    SpaceRegistry registry;
    std::vector<std::optional<TestSpace>> spaces;

  private:
    TestSpace& keep(TestSpace&& made) {
        REQUIRE(spaces.size() < spaces.capacity()); // references stay valid
        TestSpace& kept = *spaces.emplace_back(std::move(made));
        registry.add(kept);
        return kept;
    }
};

} // namespace twofold::test
