#include "bench/memory_counts.hpp"

#include "bench/counted_memory.hpp"
#include "system/failure.hpp"

#include <twofold/memory/guest_space.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace twofold::vmm {

namespace {

using CountedSpace = GuestSpace<EptFormat<4>, CountedMemory>;

constexpr std::string_view counted_source = "the core on the host, over a memory that counts";

/// A pool of frames that do not exist, and the spaces that are made of them.
class CountedMachine {
  public:
    explicit CountedMachine(std::uint64_t frames)
        : storage_(std::make_unique_for_overwrite<std::max_align_t[]>(
              FrameMetadata::bytes_for(frames) / sizeof(std::max_align_t) + 1)),
          pool_(FrameMetadata::in({reinterpret_cast<std::byte*>(storage_.get()),
                                   FrameMetadata::bytes_for(frames)},
                                  frames),
                0) {
        pool_.add(Hpa{0}, Hpa{frames << 12});
    }

    CountedSpace touched(std::uint64_t bytes, PageSize leaf) {
        auto space = must(CountedSpace::create(pool_, memory_, EptFormat<4>{},
                                               {.memory_bytes = bytes, .leaf = leaf}));
        for (std::uint64_t gpa = 0; gpa < bytes; gpa += leaf.bytes())
            write(space, gpa);
        return space;
    }
    static void write(CountedSpace& space, std::uint64_t gpa) {
        (void)must(space.resolve({.gpa = Gpa{gpa}, .access = Access::write}));
    }
    static CountedSpace clone(CountedSpace& space) { return std::move(must(space.clone()).space); }

    [[nodiscard]] WordAccesses counted() const { return memory_.counted(); }
    [[nodiscard]] std::uint64_t frames() const { return pool_.frames_used(); }

  private:
    template <class Value>
    static Value must(std::expected<Value, SpaceError> made) {
        if (!made) throw Failure{"the memory manager has too few frames for what is counted"};
        return std::move(*made);
    }

    std::unique_ptr<std::max_align_t[]> storage_;
    FramePool pool_;
    CountedMemory memory_;
};

struct CountedClone {
    std::string_view name;
    std::uint64_t bytes;
    PageSize leaf;
    std::string_view note;
};
constexpr std::array counted_clones{
    CountedClone{"clone_16m_accesses", std::uint64_t{16} << 20, page_4k,
                 "loads and stores of EPT entries in a clone; 16 MiB touched by pages of 4K"},
    CountedClone{"clone_512m_accesses", std::uint64_t{512} << 20, page_4k,
                 "the same with 512 MiB by 4K; goal: as many as with 16 MiB"},
    CountedClone{"clone_64g_accesses", std::uint64_t{64} << 30, page_2m,
                 "the same with 64 GiB by 2M"},
};

} // namespace

CloneCounts count_clone(std::uint64_t bytes, PageSize leaf) {
    // Tables and the clone's root beside what is touched.
    CountedMachine machine{(bytes >> 12) + (std::uint64_t{1} << 11)};
    auto space = machine.touched(bytes, leaf);
    auto const before = machine.counted();
    std::uint64_t const frames = machine.frames();
    auto const clone = CountedMachine::clone(space);
    auto const after = machine.counted();
    return {after.loads - before.loads, after.stores - before.stores, machine.frames() - frames};
}

std::vector<BenchmarkResult> memory_counts() {
    std::vector<BenchmarkResult> results;
    std::optional<double> of_the_smallest;
    for (auto const& one : counted_clones) {
        auto const counts = count_clone(one.bytes, one.leaf);
        auto const accesses = static_cast<double>(counts.loads + counts.stores);
        if (!of_the_smallest) of_the_smallest = accesses;
        results.push_back({.name = std::string{one.name},
                           .unit = "accesses",
                           .value = accesses,
                           .floor = 3, // an entry read, and written in both roots
                           .peer = {},
                           .goal = of_the_smallest,
                           .source = std::string{counted_source},
                           .note = std::string{one.note},
                           .exact = true});
    }
    return results;
}

} // namespace twofold::vmm
