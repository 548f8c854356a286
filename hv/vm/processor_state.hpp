// What a guest leaves in the processor that its VMCS does not hold.
#pragma once

#include <twofold/arch/bits.hpp>

#include <array>
#include <cstdint>

namespace twofold::hv {

/// "Layout of the FXSAVE Area in 64-Bit Mode": control word at 0, MXCSR at 24. All vector state
/// that a guest has: CR4.OSXSAVE is not for guests, so AVX is not either.
struct alignas(16) FxsaveArea {
    std::uint16_t control;
    std::array<std::uint8_t, 22> before_mxcsr;
    std::uint32_t mxcsr;
    std::array<std::uint8_t, 484> rest;
};
static_assert(sizeof(FxsaveArea) == 512);

struct ProcessorState {
    FxsaveArea vectors;
    /// DR0 to DR3; DR7 is in the VMCS.
    std::array<std::uint64_t, 4> breakpoints;
    std::uint64_t dr6;
    std::uint64_t cr2;
    /// STAR, LSTAR, CSTAR, FMASK, KERNEL_GS_BASE.
    std::array<std::uint64_t, 5> msrs;

    static constexpr ProcessorState after_reset() {
        return {.vectors = {.control = 0x37f, .before_mxcsr = {}, .mxcsr = 0x1f80, .rest = {}},
                .breakpoints = {},
                .dr6 = 0xffff'0ff0,
                .cr2 = 0,
                .msrs = {}};
    }
    /// What is in the processor now.
    static ProcessorState saved() {
        ProcessorState state; // NOLINT(cppcoreguidelines-pro-type-member-init): all of it is saved
        state.save();
        return state;
    }

    void save();
    void load() const;
};

/// Lets the hypervisor save and load vector registers, which it never uses itself.
void turn_vector_unit_on();

} // namespace twofold::hv
