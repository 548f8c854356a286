// The UART that guests see: polled, by interrupt, and in loopback, as kernels test for one.
#include "tests/catch.hpp"

#include <twofold/device/guest_uart.hpp>

#include <string>

namespace guest_uart_test {

using namespace twofold;

namespace {

/// A UART and what came out of it; registers by their numbers.
struct Wired {
    GuestUart uart;
    std::string sent;

    void write(unsigned number, std::uint8_t value) {
        uart.write(static_cast<std::uint16_t>(GuestUart::base + number), value,
                   [this](char byte) { sent += byte; });
    }
    std::uint8_t read(unsigned number) {
        return uart.read(static_cast<std::uint16_t>(GuestUart::base + number));
    }
};

} // namespace

TEST_CASE("bytes are sent while the divisor latch is off, and the transmitter is always ready") {
    Wired wired;
    CHECK(wired.read(5) == 0x60);
    wired.write(0, 'a');
    wired.write(3, 0x83);
    wired.write(0, 12);
    wired.write(1, 1);
    CHECK(wired.read(0) == 12);
    CHECK(wired.read(1) == 1);
    wired.write(3, 0x03);
    wired.write(0, 'b');
    CHECK(wired.sent == "ab");
    CHECK(wired.read(1) == 0);
    CHECK(wired.read(6) == 0xb0);
    CHECK(wired.read(2) == 0xc1);
    wired.write(7, 0x5a);
    CHECK(wired.read(7) == 0x5a);
}

TEST_CASE("an empty transmitter interrupts once for each time that it became empty") {
    Wired wired;
    wired.write(1, 0x02);
    CHECK_FALSE(wired.uart.interrupt()); // OUT2 is off
    wired.write(4, 0x08);
    CHECK(wired.uart.interrupt());
    CHECK(wired.read(2) == 0xc2);
    CHECK_FALSE(wired.uart.interrupt());
    CHECK(wired.read(2) == 0xc1);
    wired.write(0, 'x');
    CHECK(wired.uart.interrupt());
    wired.write(1, 0x00);
    CHECK_FALSE(wired.uart.interrupt());
    wired.write(1, 0x02);
    CHECK(wired.uart.interrupt());
}

TEST_CASE("in loopback a byte comes back instead of being sent, and so do the modem's lines") {
    Wired wired;
    wired.write(4, 0x1e);
    wired.write(0, 0xae);
    CHECK(wired.sent.empty());
    CHECK(wired.read(5) == 0x61);
    wired.write(1, 0x01);
    CHECK(wired.uart.interrupt());
    CHECK(wired.read(2) == 0xc4);
    CHECK(wired.read(0) == 0xae);
    CHECK(wired.read(5) == 0x60);
    CHECK_FALSE(wired.uart.interrupt());
    CHECK((wired.read(6) & 0xf0) == 0xd0);
    wired.write(4, 0x1a); // what Linux looks for
    CHECK((wired.read(6) & 0xf0) == 0x90);
}

} // namespace guest_uart_test
