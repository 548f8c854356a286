#include "catch.hpp"
#include "support/recording_memory.hpp"

#include <twofold/paging/linear_memory.hpp>

#include <vector>

namespace linear_memory_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr std::uint64_t present_writable = 3;
constexpr std::uint64_t large = 0x80;

/// Tables at 0x1000 and up, by which `gva` leads to gpa 0x5000 in the mode of `registers`.
struct Scene {
    RecordingMemory memory;
    PagingRegisters registers{.cr0 = cr0::paging, .cr3 = 0x1000};

    std::optional<Gpa> translate(std::uint64_t gva) {
        return translate_linear(registers, Gva{gva}, memory);
    }
    void put(std::uint64_t at, std::uint64_t entry) { memory.put<std::uint64_t>(at, entry); }
    void put_32(std::uint64_t at, std::uint64_t entry) {
        memory.put(at, static_cast<std::uint32_t>(entry));
    }
};

} // namespace

TEST_CASE("with paging off every address is its own translation") {
    Scene scene;
    scene.registers.cr0 = 0;
    CHECK(scene.translate(0x1234) == Gpa{0x1234});
    CHECK(scene.memory.reads() == 0);
}

TEST_CASE("the control registers choose among 4-level, 5-level, PAE and 32-bit paging") {
    Scene four;
    four.registers.efer = efer::long_mode_active;
    four.memory.zero(Hpa{0x1000}, 0x8000);
    four.put(0x1000, 0x2000 | present_writable);
    four.put(0x2000, 0x3000 | present_writable);
    four.put(0x3000, 0x4000 | present_writable);
    four.put(0x4008, 0x5000 | present_writable);
    CHECK(four.translate(0x1abc) == Gpa{0x5abc});
    CHECK_FALSE(four.translate(0x2000));

    Scene five = four;
    five.registers.cr4 = cr4::linear_addresses_57;
    five.registers.cr3 = 0x6000;
    five.put(0x6000, 0x1000 | present_writable);
    CHECK(five.translate(0x1abc) == Gpa{0x5abc});

    Scene pae;
    pae.registers.cr4 = cr4::physical_address_extension;
    pae.registers.cr3 = 0x1020;
    pae.memory.zero(Hpa{0x1000}, 0x8000);
    pae.put(0x1028, 0x2001);
    pae.put(0x2000, 0x3000 | present_writable);
    pae.put(0x3008, 0x5000 | present_writable);
    CHECK(pae.translate(0x4000'1abc) == Gpa{0x5abc});
    CHECK_FALSE(pae.translate(0x1abc));

    Scene narrow;
    narrow.memory.zero(Hpa{0x1000}, 0x8000);
    narrow.put_32(0x1000, 0x2000 | present_writable);
    narrow.put_32(0x2004, 0x5000 | present_writable);
    narrow.put_32(0x1004, 0x40'0000 | present_writable | large);
    CHECK(narrow.translate(0x1abc) == Gpa{0x5abc});
    narrow.registers.cr4 = cr4::page_size_extensions;
    CHECK(narrow.translate(0x40'1abc) == Gpa{0x40'1abc});
}

TEST_CASE("an address that is not canonical is nowhere, whatever its lower bits lead to") {
    Scene four;
    four.registers.efer = efer::long_mode_active;
    four.memory.zero(Hpa{0x1000}, 0x8000);
    for (std::uint64_t const table : {0x1000U, 0x2000U, 0x3000U})
        four.put(table, (table + 0x1000) | present_writable);
    four.put(0x4008, 0x5000 | present_writable);
    CHECK(four.translate(0x1abc));
    CHECK_FALSE(four.translate(std::uint64_t{1} << 48 | 0x1abc));
    CHECK_FALSE(four.translate(std::uint64_t{1} << 63 | 0x1abc));

    Scene five = four;
    five.registers.cr4 = cr4::linear_addresses_57;
    five.registers.cr3 = 0x6000;
    five.put(0x6000, 0x1000 | present_writable);
    five.put(0x6008, 0x1000 | present_writable);
    CHECK(five.translate(std::uint64_t{1} << 48 | 0x1abc));
    CHECK_FALSE(five.translate(std::uint64_t{1} << 57 | 0x1abc));
}

TEST_CASE("tables that cannot be read translate nothing") {
    Scene scene;
    scene.registers.efer = efer::long_mode_active;
    scene.memory.fail_after(0);
    CHECK_FALSE(scene.translate(0));
    scene.registers.efer = 0;
    scene.registers.cr4 = cr4::physical_address_extension;
    CHECK_FALSE(scene.translate(0));
}

TEST_CASE("a range is accessed page by page, up to the first page that is not mapped") {
    Scene scene;
    scene.registers.efer = efer::long_mode_active;
    scene.memory.zero(Hpa{0x1000}, 0x8000);
    scene.put(0x1000, 0x2000 | present_writable);
    scene.put(0x2000, 0x3000 | present_writable);
    scene.put(0x3000, 0x4000 | present_writable);
    scene.put(0x4000, 0x9000 | present_writable);
    scene.put(0x4008, 0x5000 | present_writable);
    struct Part {
        std::uint64_t gpa;
        std::uint64_t first;
        std::uint64_t bytes;
        bool operator==(Part const&) const = default;
    };
    std::vector<Part> parts;
    auto const done = for_each_linear_page(scene.registers, Gva{0xff0}, 0x2000, scene.memory,
                                           [&](Gpa gpa, std::uint64_t first, std::uint64_t bytes) {
                                               parts.push_back({gpa.value(), first, bytes});
                                               return true;
                                           });
    CHECK(done == 0x1010);
    CHECK(parts == std::vector<Part>{{0x9ff0, 0, 0x10}, {0x5000, 0x10, 0x1000}});
}

} // namespace linear_memory_test
