// Every port, by every width and direction.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/kit/console.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/abi/hypercall.hpp>
#include <twofold/abi/report.hpp>

namespace twofold::guest {

namespace {

bool is_uart(unsigned port) { return port - abi::console_port < 8; }

void write_all() {
    for (unsigned n = 0; n < 0x10000; ++n) {
        auto const port = static_cast<std::uint16_t>(n);
        if (n != abi::console_port) write_port(port, std::uint8_t{0x5a});
        write_port(port, std::uint16_t{0x5a5a});
        // There it is a hypercall, of a number that there is not.
        write_port(port, 0x5a5a'5a5aU);
    }
    write_port(abi::console_port + 3, std::uint8_t{3}); // the divisor latch is off
    write_port(abi::console_port + 4, std::uint8_t{3}); // and so is loopback
}

/// How many ports answered other than with all ones.
unsigned read_all() {
    unsigned others = 0;
    for (unsigned n = 0; n < 0x10000; ++n) {
        auto const port = static_cast<std::uint16_t>(n);
        if (!is_uart(n) && read_port_8(port) != 0xff) ++others;
        if (read_port_16(port) != 0xffff) ++others;
        if (read_port_32(port) != 0xffff'ffff) ++others;
    }
    return others;
}

constexpr std::uint16_t unused_port = 0x1234;

} // namespace

int ports(Arguments) {
    Checks checks;
    checks.expect_none("writes to every port", attempt(write_all));
    checks.expect_value("ports that are not there and answer", read_all(), 0);
    std::uint64_t rax = ~std::uint64_t{0};
    asm volatile("inb %w1, %b0" : "+a"(rax) : "Nd"(unused_port));
    checks.expect_value("IN of a byte keeps the rest of RAX", rax, ~std::uint64_t{0});
    asm volatile("inl %w1, %k0" : "+a"(rax) : "Nd"(unused_port));
    checks.expect_value("IN of 4 bytes clears the upper half of RAX", rax, 0xffff'ffff);
    return checks.result();
}

} // namespace twofold::guest
