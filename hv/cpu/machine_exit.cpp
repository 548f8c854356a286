#include "hv/cpu/machine_exit.hpp"

#include "hv/cpu/cpuid.hpp"
#include "hv/cpu/port.hpp"
#include "hv/device/serial_ports.hpp"

#include <twofold/arch/bits.hpp>

#include <string_view>

namespace twofold::hv {

namespace {

/// A port that only Bochs knows. `D` enters its debugger, whose commands then end it with status 0;
/// a Bochs without debugger knows the word.
void end_bochs() {
    constexpr std::uint16_t shutdown_port = 0x8900;
    for (char const byte : std::string_view{"DShutdown"})
        write_port(shutdown_port, static_cast<std::uint8_t>(byte));
}

/// CPUID.1:ECX[31] is 0 on every real processor.
bool in_virtual_machine() { return (cpuid(1).ecx & bit(31)) != 0; }

void end_qemu() {
    constexpr std::uint16_t isa_debug_exit = 0xf4;
    write_port(isa_debug_exit, std::uint8_t{0});
    // The ACPI PM1a control block of QEMU's pc machine, SLP_EN.
    constexpr std::uint16_t pm1a_control = 0x604;
    constexpr std::uint16_t sleep_enable = 0x2000;
    write_port(pm1a_control, sleep_enable);
}

} // namespace

void machine_exit() {
    drain_serial_ports();
    end_bochs();
    if (in_virtual_machine()) end_qemu();
    for (;;)
        asm volatile("cli; hlt");
}

} // namespace twofold::hv
