#include "kvm/virtio_devices.hpp"

#include <algorithm>
#include <utility>

namespace twofold::vmm::kvm {

VirtioDevices::VirtioDevices(GuestRam& ram, DiskOptions const& disk, ConsoleSink console,
                             SetInterruptLine const& set_line)
    : ram_(ram), console_{
                     virtio::MmioDevice{virtio::ConsoleDevice<ConsoleSink>{std::move(console)}},
                     abi::virtio_console,
                     {set_line, abi::virtio_console.interrupt_line}} {
    if (!disk.file.empty())
        disk_.emplace(Placed<virtio::BlockDevice<FileDisk>>{
            virtio::MmioDevice{virtio::BlockDevice<FileDisk>{FileDisk{disk}}},
            abi::virtio_disk,
            {set_line, abi::virtio_disk.interrupt_line}});
}

template <class Device>
bool VirtioDevices::answer_by(Placed<Device>& placed, MemoryAccess const& access) {
    std::uint64_t const offset = access.gpa - placed.place.begin;
    if (offset >= abi::virtio_page_bytes) return false;
    // What is wider than a register reads as zeros behind it, and is not written.
    std::uint32_t value = 0;
    if (access.read) {
        value = placed.device.read(offset, access.size);
        std::memset(access.data, 0, access.size);
        std::memcpy(access.data, &value, std::min<std::size_t>(access.size, sizeof value));
    } else if (access.size <= sizeof value) {
        std::memcpy(&value, access.data, access.size);
        placed.device.write(offset, access.size, value, ram_);
    }
    placed.line.set(placed.device.interrupt());
    return true;
}

bool VirtioDevices::answer(MemoryAccess const& access) {
    return answer_by(console_, access) || (disk_ && answer_by(*disk_, access));
}

void VirtioDevices::set_console(virtio::MmioTransport const& transport) {
    console_.device.set_transport(transport);
    console_.line.assume(transport.interrupt());
}

} // namespace twofold::vmm::kvm
