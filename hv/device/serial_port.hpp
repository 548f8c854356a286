// A serial port of the machine: a 16550 UART, polled.
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold::hv {

/// Writes bytes. A port that is missing or stuck swallows them, and never holds the hypervisor up
/// for long. Callable with text, so that it can be a sink.
class SerialPort {
  public:
    /// `base`: the first of its eight ports.
    explicit constexpr SerialPort(std::uint16_t base) : base_(base) {}

    /// Sets 115200 baud, 8 bits, no parity, 1 stop bit, FIFOs on, no interrupts.
    void initialise();

    void put(char byte) {
        if (room_ == 0 && !wait_for_room()) return;
        --room_;
        transmit(byte);
    }
    void operator()(std::string_view text) {
        for (char const byte : text)
            put(byte);
    }

    /// Waits until the last byte has left the machine.
    void drain();

  private:
    void transmit(char byte);
    bool wait_for_room();
    bool wait_for(std::uint8_t line_status);

    std::uint16_t base_;
    /// Bytes that the transmitter certainly takes.
    std::uint8_t room_ = 0;
    std::uint8_t fifo_bytes_ = 1;
    bool usable_ = false;
};

} // namespace twofold::hv
