// Where duties are carried out: the only place that invalidates what the processor has cached of
// guests.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/duty.hpp>

#include <cstdint>

namespace twofold::hv {

/// Drops the guest-physical and combined mappings of one EPT pointer (Intel SDM vol. 3, "INVEPT:
/// Invalidate Translations Derived from EPT", single-context): as a duty asks for, and for a space
/// that ends, whose root may become another's.
inline void invalidate_space(std::uint64_t ept_pointer) {
    struct {
        std::uint64_t ept_pointer;
        std::uint64_t reserved;
    } const descriptor{ept_pointer, 0};
    constexpr std::uint64_t single_context = 1;
    asm volatile("invept %0, %1" : : "m"(descriptor), "r"(single_context) : "cc", "memory");
}

inline void carry_out(Duty duty, std::uint64_t ept_pointer) {
    if (duty.must_invalidate()) invalidate_space(ept_pointer);
}

/// Drops what is cached of every EPT pointer: once, before the first guest.
inline void invalidate_all_spaces() {
    struct {
        std::uint64_t ept_pointer;
        std::uint64_t reserved;
    } const descriptor{0, 0};
    constexpr std::uint64_t all_contexts = 2;
    asm volatile("invept %0, %1" : : "m"(descriptor), "r"(all_contexts) : "cc", "memory");
}

/// Drops the linear and combined mappings of one address of a guest ("INVVPID",
/// individual-address): a guest's INVLPG. With a non-canonical address nothing is cached and
/// nothing is done, as the processor's own INVLPG does.
inline void invalidate_guest_page(std::uint16_t vpid, Gva gva) {
    auto const sign_extended =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(gva.value() << 16) >> 16);
    if (sign_extended != gva.value()) return;
    struct {
        std::uint64_t vpid;
        std::uint64_t linear_address;
    } const descriptor{vpid, gva.value()};
    constexpr std::uint64_t individual_address = 0;
    asm volatile("invvpid %0, %1" : : "m"(descriptor), "r"(individual_address) : "cc", "memory");
}

/// Drops all linear and combined mappings of one guest ("INVVPID", single-context).
inline void invalidate_guest_mappings(std::uint16_t vpid) {
    struct {
        std::uint64_t vpid;
        std::uint64_t linear_address;
    } const descriptor{vpid, 0};
    constexpr std::uint64_t single_context = 1;
    asm volatile("invvpid %0, %1" : : "m"(descriptor), "r"(single_context) : "cc", "memory");
}

} // namespace twofold::hv
