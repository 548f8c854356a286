#include "image/bundle.hpp"
#include "image/disk_image.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/elf_file.hpp"
#include "tests/support/failure_text.hpp"

#include <cstring>
#include <string>

namespace image_test {

using namespace twofold;
using namespace twofold::vmm;
using twofold::test::bytes_of;
using twofold::test::failure_of;
using twofold::test::holds;

namespace {

template <class T>
T at(std::span<std::byte const> bytes, std::uint64_t offset) {
    REQUIRE(offset + sizeof(T) <= bytes.size());
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string text_at(std::span<std::byte const> bytes, std::uint64_t offset, std::uint64_t length) {
    REQUIRE(offset + length <= bytes.size());
    return {reinterpret_cast<char const*>(bytes.data() + offset), length};
}

GuestPlan guest(std::string name, std::size_t elf_bytes, unsigned first_byte) {
    return {.arguments = {std::move(name), "one", ""},
            .elf = bytes_of(elf_bytes, first_byte),
            .memory_bytes = 8 << 20,
            .guest_page = page_2m,
            .host_page = page_4k,
            .populate = abi::Populate::eager,
            .time_limit = std::chrono::milliseconds{1500}};
}

constexpr std::uint64_t payload_offset = abi::payload_first_sector * abi::sector_bytes;

/// A bare hypervisor image of `sectors` payload sectors and `padding` bytes behind them.
std::vector<std::byte> bare_image(std::uint32_t sectors, std::size_t padding = 0) {
    std::vector<std::byte> image = bytes_of(payload_offset + sectors * abi::sector_bytes, 1);
    image.resize(image.size() + padding, std::byte{0xee});
    abi::ImageHeader const header{abi::ImageHeader::expected_magic, sectors, 0, 0};
    std::memcpy(image.data() + abi::sector_bytes, &header, sizeof header);
    return image;
}

} // namespace

TEST_CASE("the bundle holds each guest's record, file and command line") {
    LaunchPlan plan;
    plan.guests.push_back(guest("first", 5000, 0));
    plan.guests.push_back(guest("second", 1, 77));
    auto const bundle = make_bundle(plan, 123);

    auto const header = at<abi::BundleHeader>(bundle, 0);
    CHECK(header.magic == abi::BundleHeader::expected_magic);
    CHECK(header.guest_count == 2);
    CHECK(header.native == 0);
    CHECK(header.ticks_per_second == 123);
    for (std::size_t i = 0; i < 2; ++i) {
        auto const record =
            at<abi::GuestRecord>(bundle, sizeof(abi::BundleHeader) + i * sizeof(abi::GuestRecord));
        auto const& wanted = plan.guests[i];
        CHECK(record.elf_offset % 4096 == 0);
        REQUIRE(record.elf_offset + record.elf_bytes <= bundle.size());
        CHECK(std::ranges::equal(std::span{bundle}.subspan(record.elf_offset, record.elf_bytes),
                                 wanted.elf));
        CHECK(text_at(bundle, record.command_line_offset, record.command_line_bytes) ==
              wanted.name() + std::string{"\0one\0", 5});
        CHECK(record.memory_bytes == 8 << 20);
        CHECK(record.time_limit_milliseconds == 1500);
        CHECK(record.guest_page_shift == 21);
        CHECK(record.host_page_shift == 12);
        CHECK(record.populate == abi::Populate::eager);
    }
}

TEST_CASE("guests that have the same file share it") {
    LaunchPlan plan;
    plan.guests.push_back(guest("first", 5000, 1));
    plan.guests.push_back(guest("other", 5000, 2));
    plan.guests.push_back(guest("again", 5000, 1));
    auto const bundle = make_bundle(plan, 0);
    auto const offset = [&](std::size_t i) {
        return at<abi::GuestRecord>(bundle,
                                    sizeof(abi::BundleHeader) + i * sizeof(abi::GuestRecord))
            .elf_offset;
    };
    CHECK(offset(0) == offset(2));
    CHECK(offset(0) != offset(1));
    CHECK(bundle.size() < 5 * 4096);
}

TEST_CASE("a native launch says so in the bundle") {
    LaunchPlan plan;
    plan.guests.push_back(guest("only", 10, 0));
    plan.native = true;
    CHECK(at<abi::BundleHeader>(make_bundle(plan, 0), 0).native == 1);
}

TEST_CASE("the image is the hypervisor with its header patched and the bundle behind it") {
    auto const hypervisor = bare_image(9, 5000);
    auto const bundle = bytes_of(700, 33);
    auto const image = make_disk_image(hypervisor, "hv.img", bundle);

    auto const header = at<abi::ImageHeader>(image, abi::sector_bytes);
    CHECK(header.magic == abi::ImageHeader::expected_magic);
    CHECK(header.bundle_offset % 4096 == 0);
    CHECK(header.bundle_offset >= 9 * abi::sector_bytes);
    CHECK(header.bundle_bytes == bundle.size());
    CHECK(header.payload_sectors * abi::sector_bytes >= header.bundle_offset + bundle.size());
    CHECK(header.payload_sectors * abi::sector_bytes + payload_offset <= image.size());
    auto const in_image =
        std::span{image}.subspan(payload_offset + header.bundle_offset, bundle.size());
    CHECK(std::ranges::equal(in_image, bundle));
    CHECK(std::ranges::equal(std::span{image}.first(abi::sector_bytes),
                             std::span{hypervisor}.first(abi::sector_bytes)));
    auto const payload = std::span{image}.subspan(payload_offset, 9 * abi::sector_bytes);
    CHECK(std::ranges::equal(payload,
                             std::span{hypervisor}.subspan(payload_offset, 9 * abi::sector_bytes)));
}

TEST_CASE("an image is whole cylinders") {
    for (std::size_t const bytes : {1U, 400'000U, 600'000U})
        CHECK(make_disk_image(bare_image(3), "hv.img", bytes_of(bytes, 0)).size() %
                  cylinder_bytes ==
              0);
}

TEST_CASE("what is not a bare hypervisor image is refused with place and field") {
    auto const bundle = bytes_of(10, 0);
    auto const refusal = [&](std::vector<std::byte> const& image) {
        return failure_of([&] { return make_disk_image(image, "some.img", bundle); });
    };
    CHECK(holds(refusal({}), {"some.img", "0 bytes"}));

    auto wrong_magic = bare_image(1);
    wrong_magic[abi::sector_bytes] = std::byte{0};
    CHECK(holds(refusal(wrong_magic), {"some.img", "offset 0x200, field magic"}));

    auto short_payload = bare_image(2);
    short_payload.pop_back();
    CHECK(holds(refusal(short_payload), {"some.img", "offset 0x208, field payload_sectors"}));

    auto const with_guests = make_disk_image(bare_image(1), "hv.img", bundle);
    CHECK(holds(refusal(with_guests), {"some.img", "offset 0x210, field bundle_bytes"}));
}

} // namespace image_test
