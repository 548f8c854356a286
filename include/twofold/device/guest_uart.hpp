// The UART that a guest sees at 0x3f8: the registers of a 16550 whose transmitter is always ready
// and which nobody writes to.
#pragma once

#include <cstdint>

namespace twofold {

class GuestUart {
  public:
    static constexpr std::uint16_t base = 0x3f8;
    static constexpr std::uint16_t ports = 8;
    static constexpr bool has(std::uint16_t port) {
        return static_cast<std::uint16_t>(port - base) < ports;
    }

    /// A byte written to `port`, one of the eight. Calls `transmit(char)` when it is to be sent.
    template <class Transmit>
    void write(std::uint16_t port, std::uint8_t value, Transmit&& transmit) {
        switch (port - base) {
        case 0:
            divisor_access() ? void(divisor_low_ = value) : transmit(static_cast<char>(value));
            break;
        case 1: (divisor_access() ? divisor_high_ : interrupt_enable_) = value; break;
        case 3: line_control_ = value; break;
        case 4: modem_control_ = value & 0x1f; break;
        case 7: scratch_ = value; break;
        default: break; // FIFO control has no effect; the status registers are read-only
        }
    }

    [[nodiscard]] std::uint8_t read(std::uint16_t port) const {
        constexpr std::uint8_t no_interrupt_fifos_on = 0xc1;
        constexpr std::uint8_t transmitter_empty = 0x60;
        constexpr std::uint8_t carrier_ready_clear_to_send = 0xb0;
        switch (port - base) {
        case 0: return divisor_access() ? divisor_low_ : 0;
        case 1: return divisor_access() ? divisor_high_ : interrupt_enable_;
        case 2: return no_interrupt_fifos_on;
        case 3: return line_control_;
        case 4: return modem_control_;
        case 5: return transmitter_empty;
        case 6: return carrier_ready_clear_to_send;
        default: return scratch_;
        }
    }

  private:
    [[nodiscard]] bool divisor_access() const { return (line_control_ & 0x80) != 0; }

    std::uint8_t divisor_low_ = 1;
    std::uint8_t divisor_high_ = 0;
    std::uint8_t interrupt_enable_ = 0;
    std::uint8_t line_control_ = 3;
    std::uint8_t modem_control_ = 0;
    std::uint8_t scratch_ = 0;
};

} // namespace twofold
