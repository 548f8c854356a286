// The sizes that one leaf entry of a page table can map.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace twofold {

/// A page size, held as the number of its offset bits.
class PageSize {
  public:
    /// `shift`: log2 of the bytes, 12 to 39.
    explicit constexpr PageSize(unsigned shift) : shift_(static_cast<std::uint8_t>(shift)) {}

    [[nodiscard]] constexpr unsigned shift() const { return shift_; }
    [[nodiscard]] constexpr std::uint64_t bytes() const { return std::uint64_t{1} << shift_; }
    /// 4 KiB frames that one page of this size covers.
    [[nodiscard]] constexpr std::uint64_t frames() const { return bytes() >> 12; }
    friend constexpr auto operator<=>(PageSize, PageSize) = default;

    /// The size of `bytes` bytes, if the processor has such a page.
    static constexpr std::optional<PageSize> of_bytes(std::uint64_t bytes) {
        for (unsigned const shift : {12U, 21U, 22U, 30U}) {
            if (bytes == std::uint64_t{1} << shift) return PageSize{shift};
        }
        return std::nullopt;
    }

  private:
    std::uint8_t shift_;
};

inline constexpr PageSize page_4k{12};
inline constexpr PageSize page_2m{21};
/// Only with 32-bit paging and CR4.PSE.
inline constexpr PageSize page_4m{22};
inline constexpr PageSize page_1g{30};

/// Pages of `size` that hold `bytes` bytes, rounded up.
constexpr std::uint64_t pages_for(std::uint64_t bytes, PageSize size) {
    return (bytes >> size.shift()) + ((bytes & (size.bytes() - 1)) != 0 ? 1 : 0);
}

} // namespace twofold
