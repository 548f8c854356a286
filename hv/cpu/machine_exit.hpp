// The end of the machine.
#pragma once

namespace twofold::hv {

/// Waits for the serial ports, then ends the emulator or virtual machine, or halts a real one. Does
/// not return.
[[noreturn]] void machine_exit();

} // namespace twofold::hv
