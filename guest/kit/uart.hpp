// A serial port of the bare machine, polled ("PC16550D Universal Asynchronous Receiver/Transmitter
// with FIFOs").
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold::guest {

/// Writes bytes to a port that somebody has initialised already. A sink.
class Uart {
  public:
    explicit constexpr Uart(std::uint16_t base) : base_(base) {}

    void operator()(std::string_view text);
    /// Waits until the last byte has left the machine.
    void drain();

  private:
    void wait_for(std::uint8_t line_status);

    std::uint16_t base_;
};

} // namespace twofold::guest
