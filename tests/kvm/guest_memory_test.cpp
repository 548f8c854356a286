// Guest memory, the faults that our own handler answers, and walks over it; none of it needs KVM.
#include "kvm/guest_ram.hpp"
#include "kvm/guest_view.hpp"
#include "kvm/userfault.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/without_kvm.hpp"

#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

namespace guest_memory_test {

using namespace twofold;
namespace kvm = twofold::vmm::kvm;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

void put_word(kvm::GuestRam& ram, std::uint64_t gpa, std::uint64_t word) {
    std::memcpy(ram.bytes().data() + gpa, &word, sizeof word);
}

/// Registers of 64-bit mode, with tables that map gva 0x5000 by a page of 4K to gpa 0x5000 and
/// the 2M from gva 0x200000 by a leaf.
kvm_sregs map_some(kvm::GuestRam& ram) {
    put_word(ram, 0x1000, 0x2003);
    put_word(ram, 0x2000, 0x3003);
    put_word(ram, 0x3000, 0x4003);
    put_word(ram, 0x3008, 0x200083);
    put_word(ram, 0x4000 + 5 * 8, 0x5003);
    kvm_sregs registers{};
    registers.cr0 = cr0::paging | cr0::protection_enable;
    registers.cr3 = 0x1000;
    registers.cr4 = cr4::physical_address_extension;
    registers.efer = efer::long_mode_active | efer::long_mode_enable;
    return registers;
}

std::size_t references_of(kvm::GuestView const& view, Gva gva, kvm::SlotTables& slot) {
    std::size_t count = 0;
    auto const found = view.walk(gva, slot, [&](Reference const&) { ++count; });
    CHECK(found.has_value());
    return count;
}

/// The handler's descriptor; where this user is given none, the test counts as skipped.
std::optional<vmm::FileDescriptor> userfault() {
    auto descriptor = kvm::FaultHandler::open_userfault();
    if (descriptor) return std::move(*descriptor);
    CHECK_FALSE(descriptor.error().empty());
    (void)test::skipped_for(descriptor.error());
    return std::nullopt;
}

} // namespace

TEST_CASE(
    "memory begins as zeros without a frame, refuses what lies outside, and can be discarded") {
    auto ram = kvm::GuestRam::zeroed(mebibyte, page_4k);
    CHECK(ram.resident_pages() == 0);
    std::array<std::byte, 8> const some{std::byte{7}};
    CHECK(ram.write(Gpa{0x3000}, some).has_value());
    CHECK(ram.resident_pages() == 1);
    CHECK(ram.touched_pages() == std::vector<std::uint64_t>{3});
    CHECK_FALSE(ram.write(Gpa{mebibyte - 7}, some).has_value());
    CHECK_FALSE(ram.zero(Gpa{mebibyte + 1}, 0).has_value());
    CHECK_FALSE(ram.write(Gpa{~std::uint64_t{0}}, some).has_value());
    ram.populate();
    CHECK(ram.resident_pages() == 256);
    CHECK(ram.bytes()[0x3000] == std::byte{7});
    ram.discard();
    CHECK(ram.resident_pages() == 0);
    CHECK(ram.bytes()[0x3000] == std::byte{0});
}

TEST_CASE("memory for pages of 2M begins at a multiple of 2M") {
    auto const ram = kvm::GuestRam::zeroed(4 * mebibyte, page_2m);
    CHECK(reinterpret_cast<std::uintptr_t>(ram.bytes().data()) % page_2m.bytes() == 0);
    CHECK(ram.bytes().size() == 4 * mebibyte);
}

TEST_CASE("a private view shares the file until it writes, and the file never changes") {
    vmm::FileDescriptor const file{memfd_create("test", MFD_CLOEXEC)};
    REQUIRE(ftruncate(file.get(), static_cast<off_t>(mebibyte)) == 0);
    auto shared = kvm::GuestRam::shared(file, mebibyte);
    shared.bytes()[0x2000] = std::byte{5};
    auto one = kvm::GuestRam::copy_of(file, mebibyte);
    auto const two = kvm::GuestRam::copy_of(file, mebibyte);
    CHECK(one.bytes()[0x2000] == std::byte{5});
    CHECK(one.private_pages() == 0);
    one.bytes()[0x2000] = std::byte{6};
    CHECK(one.private_pages() == 1);
    CHECK(two.bytes()[0x2000] == std::byte{5});
    CHECK(shared.bytes()[0x2000] == std::byte{5});
    one.discard();
    CHECK(one.bytes()[0x2000] == std::byte{5});
}

TEST_CASE("a walk of a guest counts both dimensions, whatever the page of either") {
    auto ram = kvm::GuestRam::zeroed(4 * mebibyte, page_4k);
    auto large = kvm::GuestRam::zeroed(4 * mebibyte, page_2m);
    auto const registers = map_some(ram);
    map_some(large);
    kvm::SlotTables slot{ram};
    kvm::SlotTables large_slot{large};
    kvm::GuestView const view{registers, ram};
    kvm::GuestView const large_view{registers, large};
    CHECK(references_of(view, Gva{0x5123}, slot) == 24);
    CHECK(references_of(view, Gva{0x200123}, slot) == 19);
    CHECK(references_of(large_view, Gva{0x5123}, large_slot) == 19);
    CHECK(references_of(large_view, Gva{0x200123}, large_slot) == 15);
    CHECK(view.translate(Gva{0x5123}) == Gpa{0x5123});
    CHECK_FALSE(view.translate(Gva{0x6000}).has_value());
    std::array<std::byte, 16> bytes;
    CHECK(view.read(Gva{0x5ff0}, bytes));
    CHECK_FALSE(view.read(Gva{0x5ff1}, bytes));
    auto const fault = view.walk(Gva{0x6000}, slot, [](Reference const&) {});
    REQUIRE_FALSE(fault.has_value());
    CHECK(fault.error().dimension == Dimension::guest);
    CHECK(fault.error().level == 1);
}

TEST_CASE("each first touch is one fault, which brings in the window around it and no more") {
    std::uint64_t const window = GENERATE(1U, 4U, 16U);
    auto descriptor = userfault();
    if (!descriptor) return;
    auto ram = kvm::GuestRam::zeroed(64 * 4096, page_4k);
    ram.bytes()[5 * 4096] = std::byte{9}; // is there before the handler
    kvm::FaultHandler handler{std::move(*descriptor), ram.bytes(), {.window = window}};
    for (std::uint64_t page = 0; page < 64; ++page)
        ram.bytes()[page * 4096 + 1] = std::byte{1};
    handler.stop();
    auto const& counted = handler.statistics();
    std::uint64_t const windows = 64 / window - (window == 1 ? 1 : 0);
    CHECK(counted.writes == windows);
    CHECK(counted.reads == 0);
    CHECK(counted.pages == 63);
    CHECK(std::accumulate(counted.histogram.begin(), counted.histogram.end(), std::uint64_t{0}) ==
          windows);
    CHECK(ram.bytes()[5 * 4096] == std::byte{9});
}

TEST_CASE("what a fault brings in is the source's page, or zeros") {
    auto descriptor = userfault();
    if (!descriptor) return;
    std::vector<std::byte> const source(16 * 4096, std::byte{3});
    auto ram = kvm::GuestRam::zeroed(source.size(), page_4k);
    kvm::FaultHandler handler{
        std::move(*descriptor), ram.bytes(), {.contents = source, .window = 4}};
    CHECK(ram.bytes()[7 * 4096] == std::byte{3});
    CHECK(ram.resident_pages() == 4);
    handler.stop();
    CHECK(handler.statistics().reads == 1);
}

} // namespace guest_memory_test
