// What CPUID tells a guest: the processor's own answer, less what guests cannot use here.
#pragma once

#include "hv/cpu/cpuid.hpp"

#include <twofold/arch/bits.hpp>

#include <cstdint>

namespace twofold::hv {

/// The leaf range that hypervisors answer in, and our signature there.
inline constexpr std::uint32_t hypervisor_leaf = 0x4000'0000;

namespace cpuid_bits {
/// CPUID.1:ECX: MONITOR, VMX, SMX, PCID, x2APIC, TSC deadline, XSAVE, OSXSAVE, AVX, F16C. Vector
/// state beyond SSE would need XCR0, which guests may not set; the others need devices or modes
/// that are not virtualised.
inline constexpr std::uint32_t leaf_1_ecx_hidden =
    static_cast<std::uint32_t>(bit(3) | bit(5) | bit(6) | bit(12) | bit(17) | bit(21) | bit(24) |
                               bit(26) | bit(27) | bit(28) | bit(29));
inline constexpr std::uint32_t leaf_1_ecx_hypervisor = static_cast<std::uint32_t>(bit(31));
/// CPUID.1:EDX: MTRR, machine check.
inline constexpr std::uint32_t leaf_1_edx_hidden =
    static_cast<std::uint32_t>(bit(7) | bit(12) | bit(14));
/// CPUID.7.0:EBX: what AVX brings, SGX, INVPCID, RTM, PT.
inline constexpr std::uint32_t leaf_7_ebx_shown =
    static_cast<std::uint32_t>(bit(0) | bit(3) | bit(7) | bit(8) | bit(9) | bit(18) | bit(19) |
                               bit(20) | bit(23) | bit(24) | bit(29));
/// CPUID.80000001H:EDX: RDTSCP.
inline constexpr std::uint32_t extended_edx_hidden = static_cast<std::uint32_t>(bit(27));
} // namespace cpuid_bits

inline CpuidResult guest_cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    if (leaf == hypervisor_leaf)
        return {hypervisor_leaf, 0x666f7754, 0x20646c6f, 0x20545045}; // "Twofold EPT "
    CpuidResult result = cpuid(leaf, subleaf);
    switch (leaf) {
    case 1:
        result.ecx =
            (result.ecx & ~cpuid_bits::leaf_1_ecx_hidden) | cpuid_bits::leaf_1_ecx_hypervisor;
        result.edx &= ~cpuid_bits::leaf_1_edx_hidden;
        break;
    case 7: result = {0, subleaf == 0 ? result.ebx & cpuid_bits::leaf_7_ebx_shown : 0, 0, 0}; break;
    case 0xd: result = {0, 0, 0, 0}; break;
    case 0x8000'0001: result.edx &= ~cpuid_bits::extended_edx_hidden; break;
    default: break;
    }
    return result;
}

} // namespace twofold::hv
