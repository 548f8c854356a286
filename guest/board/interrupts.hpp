// A PC's interrupts by the old controllers ("8259A Programmable Interrupt Controller").
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold::guest {

/// Moves the controllers' lines to vectors 0x20 to 0x2f, and masks all of them.
void take_over_interrupts();

/// Sets the timer to 100 a second and halts until it has interrupted `times`. Returns how often it
/// was let through.
std::uint64_t wait_for_timer(std::uint64_t times);

/// Sends `text` by the serial port, each byte when the interrupt of the one before it comes.
/// Returns how many interrupts came.
std::uint64_t send_by_interrupt(std::string_view text);

} // namespace twofold::guest
