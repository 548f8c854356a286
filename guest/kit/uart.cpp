#include "guest/kit/uart.hpp"

#include "guest/kit/processor.hpp"

namespace twofold::guest {

namespace {

constexpr std::uint16_t line_status_register = 5;
constexpr std::uint8_t holding_empty = 0x20;
constexpr std::uint8_t transmitter_empty = 0x40;
/// What the transmitter takes once it is empty.
constexpr std::size_t fifo_bytes = 16;
/// Far longer than a full FIFO takes: a port that is missing must not hold the guest up for ever.
constexpr unsigned most_polls = 1'000'000;

} // namespace

void Uart::wait_for(std::uint8_t line_status) {
    for (unsigned polls = 0; polls < most_polls; ++polls)
        if ((read_port_8(base_ + line_status_register) & line_status) != 0) return;
}

void Uart::operator()(std::string_view text) {
    while (!text.empty()) {
        wait_for(holding_empty);
        for (char const byte : text.substr(0, fifo_bytes))
            write_port(base_, static_cast<std::uint8_t>(byte));
        text.remove_prefix(std::min(text.size(), fifo_bytes));
    }
}

void Uart::drain() { wait_for(transmitter_empty); }

} // namespace twofold::guest
