// By which leaves Linux maps this process's own memory.
#include "kvm/host_leaves.hpp"
#include "kvm/mapping.hpp"
#include "tests/catch.hpp"
#include "tests/support/without_kvm.hpp"

#include <twofold/arch/bits.hpp>

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace host_leaves_test {

using namespace twofold;
using namespace twofold::test;
using vmm::kvm::count_host_leaves;

namespace {

/// Two blocks of 2 MiB, none of them touched.
struct Blocks {
    vmm::kvm::Mapping mapping =
        vmm::kvm::Mapping::make(3 * page_2m.bytes(), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, "the test's memory");
    std::span<std::byte> bytes = [this] {
        auto const at = reinterpret_cast<std::uint64_t>(mapping.begin());
        return mapping.span().subspan(aligned_up(at, page_2m.bytes()) - at, 2 * page_2m.bytes());
    }();

    Blocks() { REQUIRE(madvise(bytes.data(), bytes.size(), MADV_NOHUGEPAGE) == 0); }
    void touch_small_pages_of_first() {
        for (std::size_t const page : {0U, 7U, 511U})
            bytes[page * page_4k.bytes()] = std::byte{1};
    }
    /// Makes the second block one large page; otherwise why there is none.
    std::string make_second_large() {
        constexpr int collapse = 25; // MADV_COLLAPSE of Linux 6.1
        auto const second = bytes.last(page_2m.bytes());
        if (madvise(second.data(), second.size(), MADV_HUGEPAGE) != 0) return std::strerror(errno);
        second[0] = std::byte{1};
        return madvise(second.data(), second.size(), collapse) == 0 ? "" : std::strerror(errno);
    }
};

/// Linux before 6.7.
bool without_scan(Blocks const& blocks) {
    bool const there = count_host_leaves(blocks.bytes, page_2m).has_value();
    return skipped_for(there ? "" : "this kernel does not tell by which leaves it maps memory");
}

} // namespace

TEST_CASE("only leaves that are there count, each by its size") {
    Blocks blocks;
    if (without_scan(blocks)) return;
    auto const none = count_host_leaves(blocks.bytes, page_2m);
    REQUIRE(none);
    CHECK(none->small == 0);
    CHECK(none->large == 0);

    blocks.touch_small_pages_of_first();
    CHECK(count_host_leaves(blocks.bytes, page_2m)->small == 3);
    if (skipped_for(blocks.make_second_large())) return;
    auto const both = count_host_leaves(blocks.bytes, page_2m);
    CHECK(both->small == 3);
    CHECK(both->large == 1);
}

TEST_CASE("leaves that lie apart are all counted, however many stretches they make") {
    Blocks blocks;
    if (without_scan(blocks)) return;
    for (std::size_t page = 0; page < 1024; page += 2)
        blocks.bytes[page * page_4k.bytes()] = std::byte{1};
    CHECK(count_host_leaves(blocks.bytes, page_2m)->small == 512);
}

} // namespace host_leaves_test
