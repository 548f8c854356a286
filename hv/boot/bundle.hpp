// The guests that the image brings. Nothing in it is trusted.
#pragma once

#include "hv/boot/memory_ranges.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/abi/text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>

namespace twofold::hv {

/// What is wrong in the image's header or in the bundle.
struct BundleError {
    /// The record that the field is in.
    enum class Record : std::uint8_t { image_header, bundle_header, guest_record };

    Record record;
    /// Of the record; in bytes from the first of the disk for the image header, of the bundle for
    /// the others.
    std::uint64_t offset;
    /// As abi/disk_image.hpp has it.
    std::string_view field;
    std::uint64_t found;
    /// What would be right.
    std::string_view expected;
};

constexpr std::string_view name_of(BundleError::Record record) {
    switch (record) {
    case BundleError::Record::image_header: return "the disk's ImageHeader";
    case BundleError::Record::bundle_header: return "the bundle's BundleHeader";
    case BundleError::Record::guest_record: return "the bundle's GuestRecord";
    }
    return "";
}

/// One sentence.
template <abi::TextSink Sink>
constexpr void describe(BundleError const& error, Sink& sink) {
    abi::put(sink, "the image's guests cannot be read: ");
    abi::put(sink, error.field);
    abi::put(sink, " in ");
    abi::put(sink, name_of(error.record));
    abi::put(sink, " at offset ");
    abi::put_hexadecimal(sink, error.offset);
    abi::put(sink, " is ");
    abi::put_hexadecimal(sink, error.found);
    abi::put(sink, "; it must be ");
    abi::put(sink, error.expected);
}

/// Where the bundle stands in memory. `image_bytes`: how much of the payload is the hypervisor's.
[[nodiscard]] constexpr std::expected<MemoryRange, BundleError>
find_bundle(abi::ImageHeader const& header, std::uint64_t image_bytes) {
    auto const error = [](std::string_view field, std::uint64_t found, std::string_view expected) {
        return std::unexpected(BundleError{BundleError::Record::image_header, abi::sector_bytes,
                                           field, found, expected});
    };
    std::uint64_t const payload = header.payload_sectors * abi::sector_bytes;
    if (header.bundle_offset % 4096 != 0 || header.bundle_offset < image_bytes ||
        header.bundle_offset > payload) {
        return error("bundle_offset", header.bundle_offset,
                     "a multiple of 4096 in the payload, behind the hypervisor");
    }
    if (header.bundle_bytes > payload - header.bundle_offset) {
        return error("bundle_bytes", header.bundle_bytes, "no more than the payload has there");
    }
    Hpa const begin{abi::payload_address + header.bundle_offset};
    return MemoryRange{begin, begin + header.bundle_bytes};
}

/// Refers to the bundle's bytes, which must outlive it.
class Bundle {
  public:
    [[nodiscard]] bool native() const { return header_.native != 0; }
    /// Ticks that count as one second; 0: unknown.
    [[nodiscard]] std::uint64_t ticks_per_second() const { return header_.ticks_per_second; }
    [[nodiscard]] std::uint32_t guest_count() const { return header_.guest_count; }
    /// Multiples of 4096.
    [[nodiscard]] abi::MemoryRecord const& memory() const { return header_.memory; }
    /// `index` below guest_count(). Ranges lie in the bundle, page shifts are 12, 21 or 30, and the
    /// memory is above 0 and a multiple of 4096 and, over EPT, of the EPT page.
    [[nodiscard]] abi::GuestRecord guest(std::uint32_t index) const;
    [[nodiscard]] std::span<std::byte const> elf(abi::GuestRecord const& guest) const {
        return bytes_.subspan(guest.elf_offset, guest.elf_bytes);
    }
    [[nodiscard]] std::string_view command_line(abi::GuestRecord const& guest) const {
        auto const bytes = bytes_.subspan(guest.command_line_offset, guest.command_line_bytes);
        return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
    }

    friend std::expected<Bundle, BundleError> read_bundle(std::span<std::byte const> bytes);

  private:
    explicit Bundle(std::span<std::byte const> bytes) : bytes_(bytes) {
        std::memcpy(&header_, bytes.data(), sizeof header_);
    }
    [[nodiscard]] std::expected<void, BundleError> check_header() const;
    [[nodiscard]] std::expected<void, BundleError> check_guest(std::uint32_t index) const;

    std::span<std::byte const> bytes_;
    abi::BundleHeader header_{};
};

namespace detail {

constexpr std::uint64_t record_offset(std::uint32_t index) {
    return sizeof(abi::BundleHeader) + std::uint64_t{index} * sizeof(abi::GuestRecord);
}

constexpr bool is_page_shift(std::uint8_t shift) {
    return shift == 12 || shift == 21 || shift == 30;
}

} // namespace detail

inline abi::GuestRecord Bundle::guest(std::uint32_t index) const {
    abi::GuestRecord record;
    std::memcpy(&record, bytes_.data() + detail::record_offset(index), sizeof record);
    return record;
}

inline std::expected<void, BundleError> Bundle::check_header() const {
    auto const error = [](std::string_view field, std::uint64_t found, std::string_view expected) {
        return std::unexpected(
            BundleError{BundleError::Record::bundle_header, 0, field, found, expected});
    };
    if (header_.magic != abi::BundleHeader::expected_magic)
        return error("magic", header_.magic, "0x4e55424c4f465754");
    std::uint64_t const room =
        (bytes_.size() - sizeof(abi::BundleHeader)) / sizeof(abi::GuestRecord);
    if (header_.guest_count == 0 || header_.guest_count > room) {
        return error("guest_count", header_.guest_count,
                     "at least 1, and no more than the bundle holds");
    }
    if (header_.native > 1) return error("native", header_.native, "0 or 1");
    if (header_.native == 1 && header_.guest_count != 1)
        return error("guest_count", header_.guest_count, "1 where native is 1");
    if (header_.memory.frames_limit % 4096 != 0)
        return error("frames_limit", header_.memory.frames_limit, "a multiple of 4096");
    if (header_.memory.swap_bytes % 4096 != 0)
        return error("swap_bytes", header_.memory.swap_bytes, "a multiple of 4096");
    if ((header_.memory.flags & ~abi::MemoryRecord::known_flags) != 0) {
        return error("memory.flags", header_.memory.flags,
                     "a sum of the bits that abi/disk_image.hpp names");
    }
    if (header_.memory.dirty_log > abi::DirtyLogging::page_modification_log) {
        return error("memory.dirty_log", static_cast<std::uint64_t>(header_.memory.dirty_log),
                     "0 to 3");
    }
    return {};
}

inline std::expected<void, BundleError> Bundle::check_guest(std::uint32_t index) const {
    abi::GuestRecord const record = guest(index);
    auto const error = [&](std::string_view field, std::uint64_t found, std::string_view expected) {
        return std::unexpected(BundleError{BundleError::Record::guest_record,
                                           detail::record_offset(index), field, found, expected});
    };
    std::uint64_t const size = bytes_.size();
    if (record.elf_offset > size) return error("elf_offset", record.elf_offset, "in the bundle");
    if (record.elf_bytes > size - record.elf_offset)
        return error("elf_bytes", record.elf_bytes, "no more than the bundle has there");
    if (record.command_line_offset > size)
        return error("command_line_offset", record.command_line_offset, "in the bundle");
    if (record.command_line_bytes > size - record.command_line_offset) {
        return error("command_line_bytes", record.command_line_bytes,
                     "no more than the bundle has there");
    }
    if (!detail::is_page_shift(record.guest_page_shift))
        return error("guest_page_shift", record.guest_page_shift, "12, 21 or 30 (decimal)");
    if (!native() && !detail::is_page_shift(record.host_page_shift))
        return error("host_page_shift", record.host_page_shift, "12, 21 or 30 (decimal)");
    std::uint64_t const unit = std::uint64_t{1} << (native() ? 12 : record.host_page_shift);
    if (record.memory_bytes == 0 || record.memory_bytes % unit != 0)
        return error("memory_bytes", record.memory_bytes, "a multiple of the page size, above 0");
    if (record.populate > abi::Populate::eager)
        return error("populate", static_cast<std::uint64_t>(record.populate), "0 or 1");
    if ((record.flags & ~abi::GuestRecord::known_flags) != 0)
        return error("flags", record.flags, "a sum of the bits that abi/disk_image.hpp names");
    return {};
}

/// Checks the whole bundle. On success every promise of Bundle holds.
[[nodiscard]] inline std::expected<Bundle, BundleError>
read_bundle(std::span<std::byte const> bytes) {
    if (bytes.size() < sizeof(abi::BundleHeader)) {
        return std::unexpected(BundleError{BundleError::Record::image_header, abi::sector_bytes,
                                           "bundle_bytes", bytes.size(),
                                           "enough for a BundleHeader"});
    }
    Bundle const bundle{bytes};
    if (auto const checked = bundle.check_header(); !checked)
        return std::unexpected(checked.error());
    for (std::uint32_t index = 0; index < bundle.guest_count(); ++index) {
        if (auto const checked = bundle.check_guest(index); !checked)
            return std::unexpected(checked.error());
    }
    return bundle;
}

} // namespace twofold::hv
