#include "bench/counted_memory.hpp"
#include "bench/memory_counts.hpp"
#include "tests/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace memory_counts_test {

using namespace twofold;
using namespace twofold::vmm;

TEST_CASE("memory that counts keeps what was stored, and reads as zeros elsewhere") {
    CountedMemory memory;
    CHECK(memory.read<std::uint64_t>(Hpa{0x1000}) == 0U);
    REQUIRE(memory.write<std::uint64_t>(Hpa{0x1ff8}, 7));
    memory.copy(Hpa{0x1000}, Hpa{0x5000}, 4096);
    memory.zero(Hpa{0x1000}, 4096);
    CHECK(memory.read<std::uint64_t>(Hpa{0x1ff8}) == 0U);
    CHECK(memory.read<std::uint64_t>(Hpa{0x5ff8}) == 7U);
    memory.copy(Hpa{0x1000}, Hpa{0x5000}, 4096); // which does not exist any more
    CHECK(memory.read<std::uint64_t>(Hpa{0x5ff8}) == 0U);
    CHECK(memory.counted().loads == 4);
    CHECK(memory.counted().stores == 1);

    std::array<std::byte, 4> const bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    memory.copy_in(Hpa{0x2ffe}, bytes); // across a boundary
    std::array<std::byte, 4> read{};
    memory.copy_out(Hpa{0x2ffe}, read);
    CHECK(read == bytes);
    memory.zero(Hpa{0x2000}, 1 << 21);
    memory.copy_out(Hpa{0x2ffe}, read);
    CHECK(read == std::array<std::byte, 4>{});
}

TEST_CASE("a clone is one load, two stores and one frame, whatever is touched") {
    CloneCounts const expected{.loads = 1, .stores = 2, .frames = 1};
    CHECK(count_clone(1 << 24, page_4k) == expected);
    CHECK(count_clone(1 << 26, page_4k) == expected);
    CHECK(count_clone(1 << 30, page_2m) == expected);
}

} // namespace memory_counts_test
