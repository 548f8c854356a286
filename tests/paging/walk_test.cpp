#include "catch.hpp"
#include "support/recording_memory.hpp"
#include "support/table_allocator.hpp"

#include <twofold/paging/map.hpp>
#include <twofold/paging/walk.hpp>

#include <array>
#include <vector>

namespace walk_test {

using namespace twofold;
using namespace twofold::test;

namespace {

using X86 = X86Format<Gva, Gpa, 4>;
using Ept = EptFormat<4>;

struct Read {
    unsigned level;
    std::uint64_t address;
    std::uint64_t entry;
};

/// One page mapped through tables of every level, with the places of all entries known.
template <class Format>
struct Path {
    using Input = typename Format::Input;
    using Output = typename Format::Output;

    RecordingMemory memory;
    TableFrames<Output> tables{memory};
    Format format{};
    Output root = *tables.allocate_table();
    Input input{0x7a'bcde'f123};
    std::vector<Read> reads;

    explicit Path(PageSize size = page_4k) {
        constexpr Output frame{std::uint64_t{3} << 30};
        REQUIRE(map(format, root, input.aligned_down(size.bytes()), size, frame, Permissions::all(),
                    memory, tables));
        memory.forget_stores();
        REQUIRE(walk_it());
    }
    auto walk_it() {
        reads.clear();
        return walk(format, root, input, memory,
                    [&](unsigned level, Output address, std::uint64_t entry) {
                        reads.push_back({level, address.value(), entry});
                    });
    }
    /// Flips `bits` in the entry of `level`.
    void flip(unsigned level, std::uint64_t bits) {
        auto const& read = reads.at(Format::levels - level);
        memory.put(read.address, read.entry ^ bits);
    }
};

} // namespace

TEMPLATE_TEST_CASE("a walk reads one entry a level, from the top, and no other word", "", X86,
                   Ept) {
    for (PageSize const size : {page_4k, page_2m, page_1g}) {
        Path<TestType> path{size};
        auto const before = path.memory.reads();
        auto const found = path.walk_it();
        REQUIRE(found);
        unsigned const leaf_level = TestType::level_of(size);
        CHECK(path.memory.reads() - before == TestType::levels - leaf_level + 1);

        REQUIRE(path.reads.size() == TestType::levels - leaf_level + 1);
        auto table = path.root;
        for (unsigned i = 0; i < path.reads.size(); ++i) {
            Read const& read = path.reads[i];
            CHECK(read.level == TestType::levels - i);
            CHECK(read.address == table.value() + 8 * TestType::index(path.input, read.level));
            CHECK(read.entry == path.memory.template get<std::uint64_t>(read.address));
            table = typename TestType::Output{typename TestType::Entry{read.entry}.table()};
        }
        CHECK(found->leaf == path.reads.back().entry);
        CHECK(found->page_size == size);
    }
}

TEMPLATE_TEST_CASE("a walk stores nothing", "", X86, Ept) {
    Path<TestType> path;
    REQUIRE(path.walk_it());
    CHECK(path.memory.stores().empty());
}

TEST_CASE(
    "a first dimension's walk allows what every level allows, for all settings of W, U and NX") {
    Path<X86> path;
    std::vector<Read> const reads = path.reads;
    for (unsigned setting = 0; setting < 1U << 12; ++setting) {
        auto expected = Permissions::all();
        for (unsigned i = 0; i < 4; ++i) {
            bool const write = (setting >> (3 * i) & 1) != 0;
            bool const user = (setting >> (3 * i) & 2) != 0;
            bool const execute = (setting >> (3 * i) & 4) != 0;
            expected = expected & Permissions{true, write, execute, user};
            std::uint64_t const address = reads[i].entry & X86Entry::address_mask;
            path.memory.put(reads[i].address, address | 1U | (write ? 2U : 0U) | (user ? 4U : 0U) |
                                                  (execute ? 0 : std::uint64_t{1} << 63));
        }
        auto const found = path.walk_it();
        REQUIRE(found);
        REQUIRE(found->permissions == expected);
    }
}

TEST_CASE("an EPT walk allows what every level allows, for all settings of R, W and X") {
    // Present and well formed: read, read-write, execute, and so on; 2 and 6 write without read.
    constexpr std::array<unsigned, 5> settings{1, 3, 4, 5, 7};
    Path<Ept> path;
    std::vector<Read> const reads = path.reads;
    for (unsigned combination = 0; combination < 5 * 5 * 5 * 5; ++combination) {
        unsigned all = 7;
        for (unsigned i = 0, rest = combination; i < 4; ++i, rest /= 5) {
            unsigned const rwx = settings[rest % 5];
            all &= rwx;
            path.memory.put(reads[i].address, (reads[i].entry & ~std::uint64_t{7}) | rwx);
        }
        auto const found = path.walk_it();
        REQUIRE(found);
        REQUIRE(found->permissions ==
                Permissions{(all & 1) != 0, (all & 2) != 0, (all & 4) != 0, true});
    }
}

TEMPLATE_TEST_CASE("an entry that is not present ends the walk at its level", "", X86, Ept) {
    for (unsigned level = 1; level <= 4; ++level) {
        Path<TestType> path;
        path.memory.put(path.reads[4 - level].address, ~std::uint64_t{7});
        auto const found = path.walk_it();
        REQUIRE_FALSE(found);
        CHECK(found.error().reason == WalkFaultReason::not_present);
        CHECK(found.error().level == level);
        CHECK(path.reads.size() == 5 - level);
    }
}

TEST_CASE("reserved bits of an EPT entry end the walk at its level and are named") {
    struct Case {
        unsigned level;
        std::uint64_t bits;
    };
    for (auto const& [level, bits] :
         {Case{4, bit(3)}, Case{4, bit(7)}, Case{3, bit(3)}, Case{3, bit(6)}, Case{2, bit(4)},
          Case{1, std::uint64_t{3} << 3}, Case{4, bit(51)}, Case{1, bit(40)}}) {
        Path<Ept> path;
        path.format.physical_bits = 40;
        // The leaf's memory type becomes 3, which is reserved.
        auto const flipped = level == 1 && bits < 64 ? std::uint64_t{5} << 3 : bits;
        path.flip(level, flipped);
        auto const found = path.walk_it();
        INFO("level " << level << " bits " << bits);
        REQUIRE_FALSE(found);
        CHECK(found.error().reason == WalkFaultReason::malformed);
        CHECK(found.error().level == level);
        CHECK(found.error().bits == bits);
    }
}

TEST_CASE("reserved bits of an x86 entry end the walk at its level and are named") {
    struct Case {
        unsigned level;
        std::uint64_t bits;
    };
    for (auto const& [level, bits] : {Case{4, bit(7)}, Case{4, bit(45)}, Case{3, bit(40)},
                                      Case{2, bit(51)}, Case{1, bit(40)}, Case{1, bit(63)}}) {
        Path<X86> path;
        path.format.physical_bits = 40;
        path.format.execute_disable = false;
        path.flip(level, bits);
        auto const found = path.walk_it();
        INFO("level " << level << " bits " << bits);
        REQUIRE_FALSE(found);
        CHECK(found.error().reason == WalkFaultReason::malformed);
        CHECK(found.error().level == level);
        CHECK(found.error().bits == bits);
    }
}

TEMPLATE_TEST_CASE("memory that fails at any level ends the walk there and says why", "", X86,
                   Ept) {
    for (unsigned reads = 0; reads < 4; ++reads) {
        Path<TestType> path;
        path.memory.fail_after(reads);
        auto const found = path.walk_it();
        REQUIRE_FALSE(found);
        CHECK(found.error().reason == WalkFaultReason::unreadable);
        CHECK(found.error().level == 4 - reads);
        CHECK(found.error().cause == AccessFailed{});
        CHECK(path.reads.size() == reads);
    }
}

TEST_CASE("bits that the walk ignores change nothing that it finds") {
    // Accessed, dirty, global, available and protection-key bits of x86 paging.
    constexpr std::uint64_t ignored =
        bit(5) | bit(6) | bit(8) | mask(11, 9) | mask(58, 52) | mask(62, 59);
    for (unsigned level = 1; level <= 4; ++level) {
        Path<X86> path;
        auto const before = path.walk_it();
        path.flip(level, ignored);
        auto const after = path.walk_it();
        REQUIRE(after);
        CHECK(after->address == before->address);
        CHECK(after->permissions == before->permissions);
    }
}

} // namespace walk_test
