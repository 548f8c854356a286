// The virtio devices of a guest with a PC's devices: a console, and a disk if it has one.
#pragma once

#include "kvm/device_access.hpp"
#include "kvm/file_disk.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/interrupt_line.hpp"

#include <twofold/abi/virtio_places.hpp>
#include <twofold/device/virtio/block_device.hpp>
#include <twofold/device/virtio/console_device.hpp>
#include <twofold/device/virtio/mmio_device.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace twofold::vmm::kvm {

class VirtioDevices {
  public:
    using ConsoleSink = std::function<void(std::string_view)>;

    /// `ram`, which their queues lie in, must outlive them. Throws Failure for a file that can't be
    /// the disk.
    VirtioDevices(GuestRam& ram, DiskOptions const& disk, ConsoleSink console,
                  SetInterruptLine const& set_line);

    /// Carries the access out; false where none of them is.
    bool answer(MemoryAccess const& access);

    [[nodiscard]] bool has_disk() const { return disk_.has_value(); }
    [[nodiscard]] virtio::MmioTransport const& console() const {
        return console_.device.transport();
    }
    void set_console(virtio::MmioTransport const& transport);

  private:
    template <class Device>
    struct Placed {
        virtio::MmioDevice<Device> device;
        abi::VirtioPlace place;
        InterruptLine line;
    };

    template <class Device>
    bool answer_by(Placed<Device>& placed, MemoryAccess const& access);

    GuestRam& ram_;
    Placed<virtio::ConsoleDevice<ConsoleSink>> console_;
    std::optional<Placed<virtio::BlockDevice<FileDisk>>> disk_;
};

} // namespace twofold::vmm::kvm
