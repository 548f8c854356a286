// The machine's ports, for drivers that can also be given a test's.
#pragma once

#include "hv/cpu/port.hpp"
#include "hv/device/ata_disk.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::hv {

struct MachinePorts {
    static std::uint8_t read_byte(std::uint16_t port) { return read_port_8(port); }
    static void write_byte(std::uint16_t port, std::uint8_t value) { write_port(port, value); }
    static void read_words(std::uint16_t port, std::span<std::byte> to) {
        auto* next = to.data();
        std::size_t words = to.size() / 2;
        asm volatile("rep insw" : "+D"(next), "+c"(words) : "d"(port) : "memory");
    }
    static void write_words(std::uint16_t port, std::span<std::byte const> from) {
        auto const* next = from.data();
        std::size_t words = from.size() / 2;
        asm volatile("rep outsw" : "+S"(next), "+c"(words) : "d"(port) : "memory");
    }
};
static_assert(PortBus<MachinePorts>);

} // namespace twofold::hv
