// A guest loaded as the hypervisor does it: into a GuestSpace, lazily.
#include "catch.hpp"
#include "support/elf_file.hpp"
#include "support/pool_of.hpp"
#include "support/recording_memory.hpp"

#include <twofold/load/load_guest.hpp>
#include <twofold/memory/guest_space.hpp>
#include <twofold/paging/nested_walk.hpp>

#include <optional>
#include <vector>

namespace load_into_space_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using Space = GuestSpace<EptFormat<4>, RecordingMemory>;
constexpr std::uint64_t memory_bytes = 8 << 20;

std::vector<std::byte> const file = ElfFile{{{0x40'0000, bytes_of(100, 1), 0x3000}}}.bytes();

struct Fixture {
    explicit Fixture(std::uint64_t frames) : owned(frames) {}
    Space space(PageSize leaf = page_4k) {
        return std::move(
            *Space::create(pool, memory, {}, {.memory_bytes = memory_bytes, .leaf = leaf}));
    }
    PoolOf owned;
    FramePool& pool = owned.pool;
    RecordingMemory memory;
};

GuestOptions options(PageSize page = page_4k) {
    return {.memory_bytes = memory_bytes, .guest_page = page, .memory_reads_zero = true};
}

} // namespace

TEST_CASE("loading brings in the frames that hold something, and no others") {
    Fixture f{4096};
    auto space = f.space();
    auto const layout = load_guest(file, options(), space);
    REQUIRE(layout);
    // One page of the image's three has bytes in the file; the rest waits for the first touch.
    CHECK(space.memory_frames() == 1 + 1 + layout->tables);
}

TEST_CASE("after loading, the entry is reached through both dimensions, whatever the page sizes") {
    for (PageSize const guest_page : {page_4k, page_2m, page_1g}) {
        for (PageSize const host_page : {page_4k, page_2m}) {
            Fixture f{8192};
            auto space = f.space(host_page);
            auto const layout = load_guest(file, options(guest_page), space);
            REQUIRE(layout);
            unsigned references = 0;
            auto const found = walk_nested(
                GuestPaging{}, layout->cr3, Gva{layout->entry.value()},
                SecondDimension<EptFormat<4>, RecordingMemory>{{}, space.root(), f.memory},
                [&](Reference const&) { ++references; });
            REQUIRE(found);
            CHECK(found->gpa == layout->entry);
            CHECK(f.memory.get<std::uint8_t>(found->hpa.value()) == 1);
            unsigned const guest_levels = 5 - GuestPaging::level_of(guest_page);
            unsigned const ept_levels = 5 - EptFormat<4>::level_of(host_page);
            CHECK(references == (guest_levels + 1) * (ept_levels + 1) - 1);
        }
    }
}

TEST_CASE("out of frames while loading is told as such, and every frame comes back") {
    std::optional<std::uint64_t> enough;
    for (std::uint64_t frames = 1; !enough; ++frames) {
        Fixture f{frames};
        {
            auto space = f.space();
            auto const loaded = load_guest(file, options(), space);
            if (loaded) {
                enough = frames;
            } else {
                REQUIRE(loaded.error().error.kind == LoadErrorKind::memory_failed);
                REQUIRE(loaded.error().cause == SpaceError::out_of_frames);
            }
        }
        REQUIRE(f.pool.frames_used() == 0);
    }
    CHECK(*enough > 4);
}

TEST_CASE("a guest that thinks it has more memory than its space cannot be loaded beyond it") {
    Fixture f{4096};
    auto space = f.space();
    auto wrong = options();
    wrong.memory_bytes = 2 * memory_bytes;
    std::vector<std::byte> const high =
        ElfFile{{{memory_bytes + 0x1000, bytes_of(100, 1), 100}}}.bytes();
    auto const loaded = load_guest(high, wrong, space);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().cause == SpaceError::outside_memory);
}

} // namespace load_into_space_test
