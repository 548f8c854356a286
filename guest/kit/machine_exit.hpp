// The end of the bare machine.
#pragma once

namespace twofold::guest {

/// Waits for the serial ports, then ends the emulator or virtual machine, or halts a real one.
[[noreturn]] void end_machine();

} // namespace twofold::guest
