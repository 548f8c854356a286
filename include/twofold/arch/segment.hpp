// Segment registers with what the processor caches of their descriptors (Intel SDM vol. 3,
// "Segment Descriptors" and "Guest Register State").
#pragma once

#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold {

/// Access rights in the layout of the VMCS. Bits 15:0 are bits 55:40 of a descriptor, those of the
/// limit left out.
class SegmentAccess {
  public:
    static constexpr std::uint32_t code_or_data_bit = bit(4);
    static constexpr std::uint32_t present_bit = bit(7);
    static constexpr std::uint32_t long_bit = bit(13);
    static constexpr std::uint32_t default_32_bit = bit(14);
    static constexpr std::uint32_t granularity_bit = bit(15);
    static constexpr std::uint32_t unusable_bit = bit(16);

    constexpr SegmentAccess() = default;
    explicit constexpr SegmentAccess(std::uint32_t word) : word_(word) {}

    [[nodiscard]] constexpr std::uint32_t word() const { return word_; }
    /// Type of the segment, accessed and busy bits included.
    [[nodiscard]] constexpr std::uint8_t type() const {
        return static_cast<std::uint8_t>(field(word_, 3, 0));
    }
    [[nodiscard]] constexpr bool code_or_data() const { return (word_ & code_or_data_bit) != 0; }
    [[nodiscard]] constexpr std::uint8_t privilege() const {
        return static_cast<std::uint8_t>(field(word_, 6, 5));
    }
    [[nodiscard]] constexpr bool present() const { return (word_ & present_bit) != 0; }
    [[nodiscard]] constexpr bool long_mode() const { return (word_ & long_bit) != 0; }
    [[nodiscard]] constexpr bool default_32() const { return (word_ & default_32_bit) != 0; }
    /// The descriptor counts its limit in pages.
    [[nodiscard]] constexpr bool granularity() const { return (word_ & granularity_bit) != 0; }
    [[nodiscard]] constexpr bool unusable() const { return (word_ & unusable_bit) != 0; }

    friend constexpr bool operator==(SegmentAccess, SegmentAccess) = default;

  private:
    std::uint32_t word_ = 0;
};

namespace segment_access {
namespace detail {
/// Executable, readable, accessed; writable, accessed; present at ring 0.
inline constexpr std::uint32_t code =
    0xb | SegmentAccess::code_or_data_bit | SegmentAccess::present_bit;
inline constexpr std::uint32_t data =
    0x3 | SegmentAccess::code_or_data_bit | SegmentAccess::present_bit;
inline constexpr std::uint32_t flat =
    SegmentAccess::default_32_bit | SegmentAccess::granularity_bit;
} // namespace detail
inline constexpr SegmentAccess code_16{detail::code};
inline constexpr SegmentAccess data_16{detail::data};
inline constexpr SegmentAccess flat_code_32{detail::code | detail::flat};
inline constexpr SegmentAccess flat_data_32{detail::data | detail::flat};
inline constexpr SegmentAccess code_64{detail::code | SegmentAccess::long_bit |
                                       SegmentAccess::granularity_bit};
/// A busy TSS, of 32-bit or, in IA-32e mode, of 64-bit format.
inline constexpr SegmentAccess busy_task{0xb | SegmentAccess::present_bit};
inline constexpr SegmentAccess unusable{SegmentAccess::unusable_bit};
} // namespace segment_access

struct SegmentRegister {
    std::uint16_t selector = 0;
    std::uint64_t base = 0;
    /// In bytes, whatever the granularity: the last offset that can be used.
    std::uint32_t limit = 0;
    SegmentAccess access = segment_access::unusable;

    /// The entry of a GDT that this register could have been loaded from.
    [[nodiscard]] constexpr std::uint64_t descriptor() const {
        std::uint64_t const counted = access.granularity() ? limit >> 12 : limit;
        return field(counted, 15, 0) | field(base, 23, 0) << 16 | field(access.word(), 7, 0) << 40 |
               field(counted, 19, 16) << 48 | field(access.word(), 15, 12) << 52 |
               field(base, 31, 24) << 56;
    }
    friend constexpr bool operator==(SegmentRegister const&, SegmentRegister const&) = default;
};

static_assert(SegmentRegister{8, 0, 0xffff'ffff, segment_access::flat_code_32}.descriptor() ==
              0x00cf'9b00'0000'ffff);
static_assert(SegmentRegister{16, 0, 0xffff'ffff, segment_access::flat_data_32}.descriptor() ==
              0x00cf'9300'0000'ffff);
static_assert(SegmentRegister{8, 0, 0xffff'ffff, segment_access::code_64}.descriptor() ==
              0x00af'9b00'0000'ffff);

/// GDTR or IDTR.
struct DescriptorTable {
    std::uint64_t base = 0;
    std::uint16_t limit = 0;

    friend constexpr bool operator==(DescriptorTable const&, DescriptorTable const&) = default;
};

} // namespace twofold
