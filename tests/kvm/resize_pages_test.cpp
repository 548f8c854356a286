// The hypercall resize_pages under KVM: by which pages Linux maps the guest's memory, as it tells.
#include "kvm/device.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/host_leaves.hpp"
#include "kvm/machine.hpp"
#include "kvm/mapping.hpp"
#include "kvm/memory_calls.hpp"
#include "tests/catch.hpp"
#include "tests/support/without_kvm.hpp"

#include <twofold/arch/bits.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace resize_pages_test {

using namespace twofold;
using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

constexpr std::uint64_t done = 0;
constexpr auto bad_argument = static_cast<std::uint64_t>(abi::HypercallError::bad_argument);
constexpr auto not_allowed = static_cast<std::uint64_t>(abi::HypercallError::not_allowed);

/// A guest of 5 MiB, of which the first four hold a pattern.
struct Resized {
    kvm::Device device;
    kvm::Machine machine{device};
    kvm::GuestRam ram = kvm::GuestRam::zeroed(std::uint64_t{5} << 20, page_4k);
    bool allowed = true;

    Resized() {
        for (std::size_t at = 0; at < 2 * page_2m.bytes(); at += 64)
            ram.bytes()[at] = pattern(at);
    }
    static std::byte pattern(std::size_t at) { return std::byte(at / 4099 + at / 64 + 1); }
    [[nodiscard]] std::uint64_t ask(std::uint64_t gpa, std::uint64_t shift) {
        kvm::MemoryCalls calls{{.machine = machine,
                                .ram = ram,
                                .guest = 0,
                                .stands_still = true,
                                .has_fault_handler = false,
                                .is_logged = false,
                                .may_resize = allowed,
                                .merger = nullptr,
                                .report = {}}};
        kvm_regs registers{};
        registers.rdi = gpa;
        registers.rsi = shift;
        return calls.answer(abi::Hypercall::resize_pages, registers, {});
    }
    [[nodiscard]] std::uint64_t large_leaves() const {
        return kvm::count_host_leaves(ram.bytes(), page_2m)->large;
    }
    [[nodiscard]] bool whole() const {
        for (std::size_t at = 0; at < 2 * page_2m.bytes(); at += 64)
            if (ram.bytes()[at] != pattern(at)) return false;
        return true;
    }
};

/// Linux before 6.7, or without huge pages: asked by bare calls.
bool without_means() {
    auto const mapping = kvm::Mapping::make(2 * page_2m.bytes(), PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, "the test's memory");
    auto const begin = reinterpret_cast<std::uint64_t>(mapping.begin());
    auto const part =
        mapping.span().subspan(aligned_up(begin, page_2m.bytes()) - begin, page_2m.bytes());
    if (!kvm::count_host_leaves(part, page_2m))
        return skipped_for("this kernel does not tell by which leaves it maps memory");
    constexpr int collapse = 25; // MADV_COLLAPSE of Linux 6.1
    (void)madvise(part.data(), part.size(), MADV_HUGEPAGE);
    part[0] = std::byte{1};
    bool const made = madvise(part.data(), part.size(), collapse) == 0;
    return skipped_for(made ? "" : "this kernel makes no huge pages when asked to");
}

} // namespace

TEST_CASE("a guest's pages become one and small ones again at its wish, and hold what they held") {
    if (without_kvm() || without_means()) return;
    Resized guest;
    CHECK(guest.ask(0, 21) == done);
    CHECK(guest.large_leaves() == 1);
    CHECK(guest.ask(page_2m.bytes() + 0x5123, 21) == done);
    CHECK(guest.large_leaves() == 2);
    CHECK(guest.ask(0x7000, 12) == done);
    CHECK(guest.large_leaves() == 1);
    CHECK(guest.ask(0x7000, 12) == done); // nothing is left to be split
    CHECK(guest.large_leaves() == 1);
    CHECK(guest.ask(0, 21) == done);
    CHECK(guest.large_leaves() == 2);
    CHECK(guest.whole());
    std::ranges::fill(guest.ram.bytes(), std::byte{0}); // write permission is back
}

TEST_CASE(
    "pages that can't become one stay as they are, and nobody may ask who was not allowed to") {
    if (without_kvm() || without_means()) return;
    Resized guest;
    CHECK(guest.ask(0, 21) == done);
    CHECK(guest.ask(2 * page_2m.bytes(), 21) == bad_argument); // reaches beyond the memory
    CHECK(guest.ask(std::uint64_t{5} << 20, 12) == bad_argument);
    CHECK(guest.ask(0, 30) == bad_argument);
    CHECK(guest.ask(0, 13) == bad_argument);
    REQUIRE(guest.ram.release(Gpa{page_2m.bytes()}, 1).has_value());
    CHECK(guest.ask(page_2m.bytes(), 21) == bad_argument); // one is not there
    CHECK(guest.large_leaves() == 1);
    guest.allowed = false;
    CHECK(guest.ask(0, 12) == not_allowed);
    CHECK(guest.large_leaves() == 1);
}

} // namespace resize_pages_test
