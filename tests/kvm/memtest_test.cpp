// A kernel of others from its first instruction to its work: memtest86+ sets up paging, interrupts
// and floating point, which this machine's own KVM may not emulate. So it runs in the rig, over
// emulated nested paging.
#include "tests/catch.hpp"
#include "tests/support/rig.hpp"

#include <filesystem>

namespace memtest_test {

using namespace twofold::test;

TEST_CASE("memtest86+ comes to its banner under KVM, and tests the memory that it was given") {
    constexpr char const* kernel = "/boot/memtest86+x64.bin";
    REQUIRE(std::filesystem::exists(kernel)); // scripts/setup installs it.
    // It goes on for ever: the end of the pipe ends it.
    auto const out =
        run_in_rig("qemu",
                   "twofold run /guest/memtest86+x64.bin --engine kvm --devices pc --memory 32M "
                   "--timeout 60 --raw --quiet -- console=ttyS0,115200 | head -c 3500\necho\n",
                   kernel, 100);
    INFO(out);
    CHECK(out.find("Memtest86+ v") != std::string::npos);
    CHECK(out.find("Memory  :   32MB") != std::string::npos);
    CHECK(out.find("#0  [Address test, walking ones") != std::string::npos);
    CHECK(out.find("Errors: 0") != std::string::npos);
}

} // namespace memtest_test
