// What a kernel is told of its memory: the map that the firmware of a PC would give.
#pragma once

#include <twofold/arch/address.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold {

struct GpaRange {
    Gpa begin;
    std::uint64_t bytes = 0;

    [[nodiscard]] constexpr Gpa end() const { return begin + bytes; }
    [[nodiscard]] constexpr bool overlaps(GpaRange other) const {
        return begin < other.end() && other.begin < end();
    }
    friend constexpr bool operator==(GpaRange, GpaRange) = default;
};

/// Types of ranges as E820, Multiboot and PVH all number them.
enum class MemoryRangeType : std::uint32_t { available = 1, reserved = 2 };

struct MemoryRange : GpaRange {
    MemoryRangeType type = MemoryRangeType::available;

    friend constexpr bool operator==(MemoryRange const&, MemoryRange const&) = default;
};

/// Where a PC keeps what is no memory for the kernel.
namespace pc {
/// The extended BIOS data area: conventional memory ends here.
inline constexpr std::uint64_t conventional_end = 0x9'fc00;
inline constexpr std::uint64_t extended_begin = 0x10'0000;
/// From the I/O APIC up to 4 GiB: the APICs and the firmware.
inline constexpr std::uint64_t devices_begin = 0xfec0'0000;
inline constexpr std::uint64_t devices_end = std::uint64_t{1} << 32;
} // namespace pc

/// The map of guest memory [0, memory_bytes), ascending and without gaps below its end. Guest
/// memory behind the reserved ranges exists, and is not offered.
class PcMemoryMap {
  public:
    /// `memory_bytes`: above 0.
    explicit constexpr PcMemoryMap(std::uint64_t memory_bytes) {
        using enum MemoryRangeType;
        add(0, std::min(memory_bytes, pc::conventional_end), available);
        add(pc::conventional_end, pc::extended_begin, reserved);
        add(pc::extended_begin, std::min(memory_bytes, pc::devices_begin), available);
        add(pc::devices_begin, pc::devices_end, reserved);
        add(pc::devices_end, memory_bytes, available);
    }

    [[nodiscard]] constexpr std::span<MemoryRange const> ranges() const {
        return std::span{ranges_}.first(count_);
    }
    /// Available memory from 1 MiB to the first range that is not. Bytes.
    [[nodiscard]] constexpr std::uint64_t extended_bytes() const {
        for (MemoryRange const& range : ranges())
            if (range.begin == Gpa{pc::extended_begin}) return range.bytes;
        return 0;
    }
    /// Available memory from 0 on. Bytes.
    [[nodiscard]] constexpr std::uint64_t conventional_bytes() const { return ranges_[0].bytes; }

  private:
    constexpr void add(std::uint64_t begin, std::uint64_t end, MemoryRangeType type) {
        if (begin < end) ranges_[count_++] = {{Gpa{begin}, end - begin}, type};
    }

    std::array<MemoryRange, 5> ranges_{};
    std::size_t count_ = 0;
};

} // namespace twofold
