#include "catch.hpp"
#include "hv/boot/bundle.hpp"

#include <cstring>
#include <string>
#include <vector>

namespace bundle_test {

namespace {

using namespace twofold;
using namespace twofold::hv;

/// A bundle of two guests, whole and right; each test breaks one thing.
struct Parts {
    abi::BundleHeader header{abi::BundleHeader::expected_magic, 2, 0, 1'000'000};
    abi::GuestRecord first{200, 16, 216, 5, 0x400000, 0, 12, 21, abi::Populate::lazy, {}};
    abi::GuestRecord second{200, 16, 221, 6, 0x40000000, 9, 30, 30, abi::Populate::eager, {}};

    [[nodiscard]] std::vector<std::byte> bytes() const {
        std::vector<std::byte> bytes(227, std::byte{'e'});
        std::memcpy(bytes.data(), &header, sizeof header);
        std::memcpy(bytes.data() + sizeof header, &first, sizeof first);
        std::memcpy(bytes.data() + sizeof header + sizeof first, &second, sizeof second);
        std::memcpy(bytes.data() + 216, "helloother\0", 11);
        return bytes;
    }
};

constexpr std::uint64_t top = ~std::uint64_t{0};

/// The field that is complained about, or nothing.
std::string complaint(Parts const& parts) {
    auto const bytes = parts.bytes();
    auto const bundle = read_bundle(bytes);
    return bundle ? std::string{} : std::string{bundle.error().field};
}

template <class Change>
std::string complaint_after(Change&& change) {
    Parts parts;
    change(parts);
    return complaint(parts);
}

} // namespace

TEST_CASE("a bundle yields its guests, their files and their arguments") {
    auto const bytes = Parts{}.bytes();
    auto const bundle = read_bundle(bytes);
    REQUIRE(bundle);
    CHECK_FALSE(bundle->native());
    CHECK(bundle->ticks_per_second() == 1'000'000);
    REQUIRE(bundle->guest_count() == 2);
    CHECK(bundle->guest(0).memory_bytes == 0x400000);
    CHECK(bundle->guest(1).time_limit_milliseconds == 9);
    CHECK(bundle->command_line(bundle->guest(0)) == "hello");
    CHECK(bundle->command_line(bundle->guest(1)) == std::string_view{"other\0", 6});
    CHECK(bundle->elf(bundle->guest(0)).data() == bytes.data() + 200);
    CHECK(bundle->elf(bundle->guest(0)).size() == 16);
}

TEST_CASE("a bundle that ends within its records is refused at every length") {
    auto const bytes = Parts{}.bytes();
    for (std::size_t length = 0; length < bytes.size(); ++length)
        CHECK_FALSE(read_bundle(std::span{bytes}.first(length)));
}

TEST_CASE("a field of the bundle's header that cannot be is named") {
    CHECK(complaint_after([](Parts& p) { p.header.magic ^= 1; }) == "magic");
    CHECK(complaint_after([](Parts& p) { p.header.guest_count = 0; }) == "guest_count");
    CHECK(complaint_after([](Parts& p) { p.header.guest_count = 4; }) == "guest_count");
    CHECK(complaint_after([](Parts& p) { p.header.guest_count = ~0U; }) == "guest_count");
    CHECK(complaint_after([](Parts& p) { p.header.native = 2; }) == "native");
    CHECK(complaint_after([](Parts& p) { p.header.native = 1; }) == "guest_count");
    CHECK(complaint_after([](Parts& p) { p.header.memory.frames_limit = 4097; }) == "frames_limit");
    CHECK(complaint_after([](Parts& p) { p.header.memory.swap_bytes = 512; }) == "swap_bytes");
    CHECK(complaint_after([](Parts& p) { p.header.memory.flags = 0x8000; }) == "memory.flags");
    CHECK(complaint_after([](Parts& p) {
              p.header.memory.dirty_log = static_cast<abi::DirtyLogging>(4);
          }) == "memory.dirty_log");
}

TEST_CASE("a field of a guest's record that cannot be is named") {
    CHECK(complaint_after([](Parts& p) { p.second.elf_offset = 228; }) == "elf_offset");
    CHECK(complaint_after([](Parts& p) { p.second.elf_offset = top; }) == "elf_offset");
    CHECK(complaint_after([](Parts& p) { p.second.elf_bytes = 28; }) == "elf_bytes");
    CHECK(complaint_after([](Parts& p) { p.second.elf_bytes = top - 199; }) == "elf_bytes");
    CHECK(complaint_after([](Parts& p) { p.first.command_line_offset = top; }) ==
          "command_line_offset");
    CHECK(complaint_after([](Parts& p) { p.first.command_line_bytes = 12; }) ==
          "command_line_bytes");
    CHECK(complaint_after([](Parts& p) { p.first.guest_page_shift = 13; }) == "guest_page_shift");
    CHECK(complaint_after([](Parts& p) { p.first.host_page_shift = 255; }) == "host_page_shift");
    CHECK(complaint_after([](Parts& p) { p.first.memory_bytes = 0; }) == "memory_bytes");
    CHECK(complaint_after([](Parts& p) { p.first.memory_bytes = 0x401000; }) == "memory_bytes");
    CHECK(complaint_after([](Parts& p) { p.second.flags = 0x80; }) == "flags");
    CHECK(complaint_after([](Parts& p) { p.first.populate = static_cast<abi::Populate>(2); }) ==
          "populate");
}

TEST_CASE("natively there is no EPT page, and memory is a multiple of 4096") {
    Parts parts;
    parts.header.native = 1;
    parts.header.guest_count = 1;
    parts.first.host_page_shift = 0;
    parts.first.memory_bytes = 0x401000;
    CHECK(complaint(parts).empty());
    parts.first.memory_bytes = 0x401001;
    CHECK(complaint(parts) == "memory_bytes");
}

TEST_CASE("the bundle lies behind the hypervisor, within the payload") {
    abi::ImageHeader header{abi::ImageHeader::expected_magic, 100, 0x8000, 18'432};
    auto const field = [&](std::uint64_t image_bytes) {
        auto const found = find_bundle(header, image_bytes);
        return found ? std::string{} : std::string{found.error().field};
    };
    REQUIRE(find_bundle(header, 0x8000));
    CHECK(*find_bundle(header, 0x8000) == MemoryRange{Hpa{0x108000}, Hpa{0x108000 + 18'432}});
    CHECK(field(0x8001) == "bundle_offset");
    header.bundle_bytes = 18'433;
    CHECK(field(0x8000) == "bundle_bytes");
    header.bundle_bytes = top;
    CHECK(field(0x8000) == "bundle_bytes");
    header.bundle_offset = 0x8800;
    CHECK(field(0x8000) == "bundle_offset");
    header.bundle_offset = 0xd000;
    CHECK(field(0x8000) == "bundle_offset");
    header.bundle_offset = 0xffff'f000;
    CHECK(field(0x8000) == "bundle_offset");
}

TEST_CASE("an error's sentence names the field, where it is, what was found and what would do") {
    auto const bundle = read_bundle([] {
        static std::vector<std::byte> bytes;
        Parts parts;
        parts.second.guest_page_shift = 13;
        return std::span<std::byte const>{bytes = parts.bytes()};
    }());
    REQUIRE_FALSE(bundle);
    abi::TextBuffer<256> text;
    describe(bundle.error(), text);
    CHECK(text.text() == "the image's guests cannot be read: guest_page_shift in the bundle's "
                         "GuestRecord at offset 0x78 is 0xd; it must be 12, 21 or 30 (decimal)");
}

} // namespace bundle_test
