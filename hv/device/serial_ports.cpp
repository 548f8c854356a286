#include "hv/device/serial_ports.hpp"

#include <twofold/abi/report.hpp>

namespace twofold::hv {

constinit SerialPort console{abi::console_port};
constinit SerialPort report{abi::report_port};

void initialise_serial_ports() {
    console.initialise();
    report.initialise();
}

void drain_serial_ports() {
    console.drain();
    report.drain();
}

} // namespace twofold::hv
