#include "guest/kit/machine_exit.hpp"

#include "guest/kit/processor.hpp"
#include "guest/kit/uart.hpp"

#include <twofold/abi/report.hpp>
#include <twofold/arch/bits.hpp>

#include <string_view>

namespace twofold::guest {

namespace {

/// A port that only Bochs knows. `D` enters its debugger, whose commands then end it; a Bochs
/// without debugger knows the word.
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

void end_machine() {
    Uart{abi::console_port}.drain();
    Uart{abi::report_port}.drain();
    end_bochs();
    if (in_virtual_machine()) end_qemu();
    halt_for_ever();
}

} // namespace twofold::guest
