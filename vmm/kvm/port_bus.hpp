// A guest's ports: its UART, the hypercall port, and the policy for all others: reads give all
// ones, writes are dropped, both are counted.
#pragma once

#include <twofold/device/guest_uart.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace twofold::vmm::kvm {

/// An access that the guest made: `data` holds `count` elements of `size` bytes.
struct PortAccess {
    bool in;
    std::uint16_t port;
    std::uint8_t size;
    std::uint32_t count;
    std::byte* data;
};

class PortBus {
  public:
    struct Doors {
        /// Bytes of the console.
        std::function<void(std::string_view)> console;
        /// A 4-byte write to the hypercall port. False: the guest has ended.
        std::function<bool()> hypercall;
    };

    explicit PortBus(Doors doors) : doors_(std::move(doors)) {}

    /// Carries the access out. False: the guest has ended.
    bool handle(PortAccess const& access);

    [[nodiscard]] std::uint64_t unknown() const { return unknown_; }
    [[nodiscard]] GuestUart const& uart() const { return uart_; }
    void set_uart(GuestUart const& uart) { uart_ = uart; }

  private:
    void write_uart(PortAccess const& access);

    Doors doors_;
    GuestUart uart_;
    std::uint64_t unknown_ = 0;
};

} // namespace twofold::vmm::kvm
