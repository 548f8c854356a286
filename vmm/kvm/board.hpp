// All that a guest's processors share beside memory: its devices, by ports and by addresses, and
// the policy for places where there is none.
#pragma once

#include "kvm/interrupt_line.hpp"
#include "kvm/pc_devices.hpp"
#include "kvm/unknown_io.hpp"
#include "kvm/virtio_devices.hpp"

#include <twofold/device/guest_uart.hpp>

#include <functional>
#include <mutex>
#include <optional>
#include <string_view>

namespace twofold::vmm::kvm {

/// What a guest's machine consists of.
struct BoardOptions {
    /// Interrupt controllers, timer, the UART's interrupt, clock, fw_cfg, debug exits and virtio;
    /// without, just the UART, polled.
    bool pc = false;
    unsigned processors = 1;
    UnknownIo unknown = UnknownIo::by_kind;
    /// Only with `pc`.
    DiskOptions disk = {};
};

/// What a stopped guest's board holds.
struct BoardState {
    UnknownIo unknown = UnknownIo::by_kind;
    GuestUart uart{};
    std::optional<PcDevices> pc = std::nullopt;
    std::optional<virtio::MmioTransport> console = std::nullopt;
};

class Board {
  public:
    /// `console` gets what is written to the UART and to virtio's console. A bare board has no
    /// interrupt lines. Throws Failure for a file that can't be the disk.
    Board(BoardOptions const& options, GuestRam& ram, std::function<void(std::string_view)> console,
          SetInterruptLine const& set_line = {});

    /// Each carries an access out, for any processor's thread. The guest's end, if it comes by it.
    std::optional<Stop> answer(PortAccess const& access);
    std::optional<Stop> answer(MemoryAccess const& access);

    [[nodiscard]] UnknownAccesses const& unknown() const { return unknown_; }
    /// Throws Failure for a board with a disk: its file would go on without the guest.
    [[nodiscard]] BoardState state() const;
    /// Of a board with the same devices.
    void set_state(BoardState const& state);

  private:
    void answer_by_uart(PortAccess const& access);
    void write_uart(PortAccess const& access);

    std::mutex mutex_;
    std::function<void(std::string_view)> console_;
    GuestUart uart_;
    std::optional<InterruptLine> uart_line_;
    std::optional<PcDevices> pc_;
    std::optional<VirtioDevices> virtio_;
    UnknownAccesses unknown_;
};

} // namespace twofold::vmm::kvm
