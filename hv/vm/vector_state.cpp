#include "hv/vm/vector_state.hpp"

#include "hv/cpu/control_registers.hpp"

#include <twofold/arch/control_register.hpp>

#include <array>
#include <cstdint>

namespace twofold::hv {

namespace {

/// "Layout of the FXSAVE Area in 64-Bit Mode": control word at 0, MXCSR at 24, both as after a
/// reset.
struct alignas(16) FxsaveArea {
    std::uint16_t control = 0x37f;
    std::array<std::uint8_t, 22> before_mxcsr{};
    std::uint32_t mxcsr = 0x1f80;
    std::array<std::uint8_t, 484> rest{};
};
static_assert(sizeof(FxsaveArea) == 512);

constinit FxsaveArea const after_reset;

} // namespace

void reset_vector_state() {
    constexpr std::uint64_t emulation = bit(2);
    write_cr0(read_cr0() & ~(emulation | cr0::task_switched));
    write_cr4(read_cr4() | cr4::os_fxsr);
    asm volatile("fxrstor %0" : : "m"(after_reset));
}

} // namespace twofold::hv
