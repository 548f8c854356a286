// The three kinds of address that two-dimensional paging knows, as types that do not mix.
#pragma once

#include <compare>
#include <cstdint>

namespace twofold {

/// A byte address of one kind. `Kind` is a tag: addresses of different kinds neither compare nor
/// convert. Arithmetic wraps as hardware address arithmetic does; who needs a bound checks it
/// first.
template <class Kind>
class Address {
  public:
    constexpr Address() = default;
    explicit constexpr Address(std::uint64_t value) : value_(value) {}

    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

    /// The address rounded down to a multiple of `bytes`, a power of two.
    [[nodiscard]] constexpr Address aligned_down(std::uint64_t bytes) const {
        return Address{value_ & ~(bytes - 1)};
    }
    /// How far the address lies above the last multiple of `bytes`, a power of two.
    [[nodiscard]] constexpr std::uint64_t offset_in(std::uint64_t bytes) const {
        return value_ & (bytes - 1);
    }
    [[nodiscard]] constexpr bool is_aligned(std::uint64_t bytes) const {
        return offset_in(bytes) == 0;
    }

    friend constexpr Address operator+(Address a, std::uint64_t bytes) {
        return Address{a.value_ + bytes};
    }
    /// The distance in bytes; `a` must not lie below `b`.
    friend constexpr std::uint64_t operator-(Address a, Address b) { return a.value_ - b.value_; }
    friend constexpr auto operator<=>(Address, Address) = default;

  private:
    std::uint64_t value_ = 0;
};

/// Guest-virtual: what a guest's instruction names.
using Gva = Address<struct GuestVirtual>;
/// Guest-physical: what a guest's page tables yield.
using Gpa = Address<struct GuestPhysical>;
/// Host-physical: what EPT yields, and what the memory bus sees.
using Hpa = Address<struct HostPhysical>;
/// Host-virtual: what the hypervisor's own instructions name.
using Hva = Address<struct HostVirtual>;

/// Whether bits 63 to 47 are equal (Intel SDM vol. 1, "Canonical Addressing"); with linear
/// addresses of 57 bits, bits 63 to 56.
constexpr bool is_canonical(Gva gva, unsigned linear_bits = 48) {
    std::uint64_t const upper = gva.value() >> (linear_bits - 1);
    return upper == 0 || upper == ~std::uint64_t{0} >> (linear_bits - 1);
}

} // namespace twofold
