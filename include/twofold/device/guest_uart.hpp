// The UART that a guest sees at 0x3f8 ("PC16550D Universal Asynchronous Receiver/Transmitter with
// FIFOs"): its transmitter is always ready, and nobody writes to it but the guest itself, in
// loopback.
#pragma once

#include <cstdint>

namespace twofold {

class GuestUart {
  public:
    static constexpr std::uint16_t base = 0x3f8;
    static constexpr std::uint16_t ports = 8;
    /// Its line on a PC's interrupt controllers.
    static constexpr unsigned interrupt_line = 4;
    static constexpr bool has(std::uint16_t port) {
        return static_cast<std::uint16_t>(port - base) < ports;
    }

    /// A byte written to `port`, one of the eight. Calls `transmit(char)` when it is to be sent.
    template <class Transmit>
    void write(std::uint16_t port, std::uint8_t value, Transmit&& transmit) {
        switch (port - base) {
        case 0: divisor_access() ? void(divisor_low_ = value) : send(value, transmit); break;
        case 1: divisor_access() ? void(divisor_high_ = value) : enable_interrupts(value); break;
        case 3: line_control_ = value; break;
        case 4: modem_control_ = value & 0x1f; break;
        case 7: scratch_ = value; break;
        default: break; // FIFO control has no effect; the status registers are read-only
        }
    }

    /// Reading takes: a received byte, and the interrupt of an empty transmitter.
    [[nodiscard]] std::uint8_t read(std::uint16_t port) {
        switch (port - base) {
        case 0: return divisor_access() ? divisor_low_ : receive();
        case 1: return divisor_access() ? divisor_high_ : interrupt_enable_;
        case 2: return identify_interrupt();
        case 3: return line_control_;
        case 4: return modem_control_;
        case 5: return line_status();
        case 6: return modem_status();
        default: return scratch_;
        }
    }

    /// The level of its interrupt line, which on a PC stands behind OUT2.
    [[nodiscard]] bool interrupt() const {
        constexpr std::uint8_t out2 = 0x08;
        return (modem_control_ & out2) != 0 && (data_interrupt() || empty_interrupt());
    }

  private:
    static constexpr std::uint8_t data_available = 0x01;    // of interrupt enable
    static constexpr std::uint8_t transmitter_empty = 0x02; // of interrupt enable
    static constexpr std::uint8_t loopback = 0x10;          // of modem control

    [[nodiscard]] bool divisor_access() const { return (line_control_ & 0x80) != 0; }
    [[nodiscard]] bool data_interrupt() const {
        return received_ && (interrupt_enable_ & data_available) != 0;
    }
    [[nodiscard]] bool empty_interrupt() const {
        return became_empty_ && (interrupt_enable_ & transmitter_empty) != 0;
    }

    template <class Transmit>
    void send(std::uint8_t value, Transmit&& transmit) {
        became_empty_ = true;
        if ((modem_control_ & loopback) == 0) return transmit(static_cast<char>(value));
        receiver_ = value;
        received_ = true;
    }

    void enable_interrupts(std::uint8_t value) {
        // To enable the interrupt of a transmitter that is empty raises it.
        if ((value & ~interrupt_enable_ & transmitter_empty) != 0) became_empty_ = true;
        interrupt_enable_ = value & 0x0f;
    }

    std::uint8_t receive() {
        received_ = false;
        return receiver_;
    }

    std::uint8_t identify_interrupt() {
        constexpr std::uint8_t fifos_on = 0xc0;
        constexpr std::uint8_t none = 0x01;
        constexpr std::uint8_t by_data = 0x04;
        constexpr std::uint8_t by_empty = 0x02;
        if (data_interrupt()) return fifos_on | by_data;
        if (!empty_interrupt()) return fifos_on | none;
        became_empty_ = false;
        return fifos_on | by_empty;
    }

    [[nodiscard]] std::uint8_t line_status() const {
        constexpr std::uint8_t transmitter_and_holding_empty = 0x60;
        return static_cast<std::uint8_t>(transmitter_and_holding_empty | (received_ ? 1 : 0));
    }

    [[nodiscard]] std::uint8_t modem_status() const {
        constexpr std::uint8_t carrier_ready_clear_to_send = 0xb0;
        if ((modem_control_ & loopback) == 0) return carrier_ready_clear_to_send;
        // DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD.
        auto const out = [this](unsigned n) { return modem_control_ >> n & 1U; };
        return static_cast<std::uint8_t>(out(0) << 5 | out(1) << 4 | out(2) << 6 | out(3) << 7);
    }

    std::uint8_t divisor_low_ = 1;
    std::uint8_t divisor_high_ = 0;
    std::uint8_t interrupt_enable_ = 0;
    std::uint8_t line_control_ = 3;
    std::uint8_t modem_control_ = 0;
    std::uint8_t scratch_ = 0;
    std::uint8_t receiver_ = 0;
    bool received_ = false;
    bool became_empty_ = true;
};

} // namespace twofold
