// The machine's two serial ports, by what they carry.
#pragma once

#include "hv/device/serial_port.hpp"

namespace twofold::hv {

/// COM1: what guests print, and what the hypervisor has to say to people when it must stop.
extern SerialPort console;
/// COM2: the report.
extern SerialPort report;

void initialise_serial_ports();
/// Returns when everything that was written has left the machine.
void drain_serial_ports();

} // namespace twofold::hv
