// Kernels may come from anywhere. Run with AddressSanitizer, these tests also show that nothing
// outside the file is read.
#include "catch.hpp"
#include "support/kernel_files.hpp"
#include "support/load_any_kernel.hpp"

#include <memory>
#include <random>
#include <span>
#include <string>

namespace boot_corruption_test {

using namespace twofold;
using namespace twofold::test;

namespace {

/// Loads `bytes` by every protocol out of an allocation of exactly their size. True when a kernel
/// came of it.
bool load(std::span<std::byte const> bytes) {
    auto const exact = std::make_unique<std::byte[]>(bytes.size());
    std::ranges::copy(bytes, exact.get());
    static AnyKernelLoader loader;
    std::string const broken = loader.load({exact.get(), bytes.size()});
    INFO(broken);
    REQUIRE(broken.empty());
    return loader.loaded() > 0;
}

/// Small, so that every byte of them is one that a loader reads.
std::vector<Bytes> valid_files() {
    LinuxFile kernel{64};
    kernel.header.pref_address = 0x10'0000;
    kernel.header.init_size = 4096;
    return {multiboot_elf(0x2'0000).bytes(),
            as_elf32(multiboot_elf(0x2'0000)),
            multiboot_flat(flat_fields()),
            elf_with_notes(pvh_notes(0x2'0000), 0x2'0000).bytes(),
            as_elf32(elf_with_notes(pvh_notes(0x2'0000), 0x2'0000)),
            kernel.bytes()};
}

} // namespace

TEST_CASE("no corruption of one byte makes a loader leave the file or the guest's memory") {
    for (Bytes file : valid_files()) {
        for (auto& byte : file) {
            std::byte const original = byte;
            for (unsigned const value : {0U, 1U, 2U, 4U, 0x10U, 0x7fU, 0x80U, 0xffU}) {
                byte = static_cast<std::byte>(value);
                load(file);
                byte = original ^ static_cast<std::byte>(value);
                load(file);
            }
            byte = original;
        }
        CHECK(load(file));
    }
}

TEST_CASE("no truncation makes a loader leave the file or the guest's memory") {
    for (Bytes const& file : valid_files()) {
        for (std::size_t size = 0; size <= file.size(); ++size)
            load(std::span{file}.first(size));
    }
}

TEST_CASE("no extreme number anywhere makes a loader leave the file or the guest's memory") {
    constexpr std::uint32_t extremes[] = {0,           1,           4,           0x7fff'ffff,
                                          0x8000'0000, 0xffff'f000, 0xffff'fffc, 0xffff'ffff};
    std::mt19937_64 random{20240229};
    for (Bytes const& valid : valid_files()) {
        for (unsigned round = 0; round < 4'000; ++round) {
            auto file = valid;
            for (unsigned change = 0; change < 1 + round % 3; ++change) {
                std::size_t const at = random() % (file.size() / 4) * 4;
                overwrite(file, at, extremes[random() % std::size(extremes)]);
            }
            load(file);
        }
    }
}

} // namespace boot_corruption_test
