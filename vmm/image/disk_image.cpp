#include "image/disk_image.hpp"

#include "system/failure.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/arch/bits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t header_offset = abi::sector_bytes;
constexpr std::uint64_t payload_offset = abi::payload_first_sector * abi::sector_bytes;
constexpr std::uint64_t bundle_alignment = 4096;

abi::ImageHeader read_header(std::span<std::byte const> hypervisor,
                             std::filesystem::path const& path) {
    if (hypervisor.size() <= payload_offset) {
        throw Failure{fmt::format(
            "{}: {} bytes are too few for a hypervisor image, whose payload begins at offset {:#x}",
            path.string(), hypervisor.size(), payload_offset)};
    }
    abi::ImageHeader header{};
    std::memcpy(&header, hypervisor.data() + header_offset, sizeof header);
    if (header.magic != abi::ImageHeader::expected_magic) {
        throw Failure{fmt::format(
            "{}: offset {:#x}, field magic: {:#018x} instead of {:#018x}; not a hypervisor image",
            path.string(), header_offset, header.magic, abi::ImageHeader::expected_magic)};
    }
    if (header.bundle_bytes != 0) {
        throw Failure{fmt::format("{}: offset {:#x}, field bundle_bytes: {} instead of 0; this "
                                  "image holds guests already",
                                  path.string(),
                                  header_offset + offsetof(abi::ImageHeader, bundle_bytes),
                                  header.bundle_bytes)};
    }
    std::uint64_t const payload_bytes = std::uint64_t{header.payload_sectors} * abi::sector_bytes;
    if (payload_bytes > hypervisor.size() - payload_offset) {
        throw Failure{fmt::format("{}: offset {:#x}, field payload_sectors: {} sectors, and the "
                                  "file has only {} bytes of payload",
                                  path.string(),
                                  header_offset + offsetof(abi::ImageHeader, payload_sectors),
                                  header.payload_sectors, hypervisor.size() - payload_offset)};
    }
    return header;
}

} // namespace

std::vector<std::byte> make_disk_image(std::span<std::byte const> hypervisor,
                                       std::filesystem::path const& path,
                                       std::span<std::byte const> bundle) {
    abi::ImageHeader header = read_header(hypervisor, path);
    std::uint64_t const own_bytes = header.payload_sectors * abi::sector_bytes;
    std::uint64_t const bundle_offset = aligned_up(own_bytes, bundle_alignment);
    std::uint64_t const payload_bytes =
        aligned_up(bundle_offset + bundle.size(), abi::sector_bytes);
    // A 32-bit loader reads the payload, and it lies below the 4 GiB line.
    if (payload_bytes > std::numeric_limits<std::uint32_t>::max() - abi::payload_address) {
        throw Failure{fmt::format("guests of {} bytes together are too much for one image: its "
                                  "payload must end below 4 GiB",
                                  bundle.size())};
    }
    header.payload_sectors = static_cast<std::uint32_t>(payload_bytes / abi::sector_bytes);
    header.bundle_offset = static_cast<std::uint32_t>(bundle_offset);
    header.bundle_bytes = bundle.size();

    std::vector<std::byte> image(aligned_up(payload_offset + payload_bytes, cylinder_bytes));
    // What lies behind the payload is padding.
    std::ranges::copy(hypervisor.first(payload_offset + own_bytes), image.begin());
    std::memcpy(image.data() + header_offset, &header, sizeof header);
    std::ranges::copy(bundle,
                      image.begin() + static_cast<std::ptrdiff_t>(payload_offset + bundle_offset));
    return image;
}

} // namespace twofold::vmm
