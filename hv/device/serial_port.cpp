// Registers and bits as in "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs".
#include "hv/device/serial_port.hpp"

#include "hv/cpu/port.hpp"

namespace twofold::hv {

namespace {

// Registers, counted from the base.
constexpr std::uint16_t transmitter_holding = 0;
constexpr std::uint16_t divisor_low = 0;
constexpr std::uint16_t interrupt_enable = 1;
constexpr std::uint16_t divisor_high = 1;
constexpr std::uint16_t interrupt_identification = 2;
constexpr std::uint16_t fifo_control = 2;
constexpr std::uint16_t line_control = 3;
constexpr std::uint16_t modem_control = 4;
constexpr std::uint16_t line_status_register = 5;
constexpr std::uint16_t scratch = 7;

constexpr std::uint8_t divisor_latch_access = 0x80;
constexpr std::uint8_t eight_bits_no_parity = 0x03;
constexpr std::uint8_t enable_and_clear_fifos = 0x07;
constexpr std::uint8_t fifos_enabled = 0xc0;
constexpr std::uint8_t ready_and_request_to_send = 0x03;

constexpr std::uint8_t holding_empty = 0x20;
constexpr std::uint8_t transmitter_empty = 0x40;

/// A byte takes 87 us, a full FIFO 1.4 ms, a read of a port seldom less than 0.1 us on any machine.
constexpr unsigned most_polls = 1'000'000;

} // namespace

void SerialPort::initialise() {
    write_port(base_ + scratch, std::uint8_t{0x5a});
    usable_ = read_port_8(base_ + scratch) == 0x5a;
    if (!usable_) return;

    write_port(base_ + interrupt_enable, std::uint8_t{0});
    write_port(base_ + line_control, divisor_latch_access);
    write_port(base_ + divisor_low, std::uint8_t{1}); // 115200 baud
    write_port(base_ + divisor_high, std::uint8_t{0});
    write_port(base_ + line_control, eight_bits_no_parity);
    write_port(base_ + fifo_control, enable_and_clear_fifos);
    write_port(base_ + modem_control, ready_and_request_to_send);
    bool const has_fifos =
        (read_port_8(base_ + interrupt_identification) & fifos_enabled) == fifos_enabled;
    fifo_bytes_ = has_fifos ? 16 : 1;
    room_ = 0;
}

void SerialPort::transmit(char byte) {
    write_port(base_ + transmitter_holding, static_cast<std::uint8_t>(byte));
}

bool SerialPort::wait_for(std::uint8_t line_status) {
    for (unsigned polls = 0; usable_; ++polls) {
        if ((read_port_8(base_ + line_status_register) & line_status) != 0) return true;
        if (polls == most_polls) usable_ = false;
    }
    return false;
}

bool SerialPort::wait_for_room() {
    if (!wait_for(holding_empty)) return false;
    room_ = fifo_bytes_;
    return true;
}

void SerialPort::drain() { wait_for(transmitter_empty); }

} // namespace twofold::hv
