#include "bench/chase_guest.hpp"
#include "bench/chase_loop.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/without_kvm.hpp"

namespace chase_guest_test {

using namespace twofold;
using namespace twofold::vmm;

TEST_CASE("a guest follows the chain of this process to the same end, by either page size") {
    if (twofold::test::without_kvm()) return;
    constexpr std::uint64_t bytes = std::uint64_t{4} << 20;
    kvm::Device const device;
    auto const cpuid = device.supported_cpuid();
    ChaseMemory memory{bytes, page_4k};
    auto const first = memory.link(bytes);
    for (PageSize const page : {page_4k, page_2m}) {
        ChaseGuest guest{device, cpuid, memory, page};
        for (unsigned const steps : {1U, 2U, 500U, 1024U, 1025U}) {
            CHECK(guest.run(first, steps) > 0);
            CHECK(guest.end() == twofold_chase(first, steps));
        }
    }
}

TEST_CASE("a guest that leaves the chain says by which exit it ended") {
    if (twofold::test::without_kvm()) return;
    constexpr std::uint64_t bytes = std::uint64_t{2} << 20;
    kvm::Device const device;
    ChaseMemory memory{bytes, page_4k};
    auto const first = memory.link(bytes);
    ChaseGuest guest{device, device.supported_cpuid(), memory, page_4k};
    // A pointer to where nothing is mapped: there is a handler for one exception only.
    *reinterpret_cast<std::uint64_t*>(first) = 0x1000;
    CHECK_THROWS_AS(guest.run(first, 2), Failure);
}

} // namespace chase_guest_test
