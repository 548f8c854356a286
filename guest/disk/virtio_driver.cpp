#include "guest/disk/virtio_driver.hpp"

#include "guest/kit/memory.hpp"

namespace twofold::guest {

namespace {

constexpr std::uint16_t queue_size = 4;
constexpr std::uint64_t available_offset = 0x100;
constexpr std::uint64_t used_offset = 0x200;

// "MMIO Device Register Layout".
constexpr std::uint64_t magic = 0x00;
constexpr std::uint64_t version = 0x04;
constexpr std::uint64_t device_id = 0x08;
constexpr std::uint64_t device_features = 0x10;
constexpr std::uint64_t device_features_select = 0x14;
constexpr std::uint64_t driver_features = 0x20;
constexpr std::uint64_t driver_features_select = 0x24;
constexpr std::uint64_t queue_select = 0x30;
constexpr std::uint64_t queue_size_max = 0x34;
constexpr std::uint64_t queue_size_register = 0x38;
constexpr std::uint64_t queue_ready = 0x44;
constexpr std::uint64_t queue_notify = 0x50;
constexpr std::uint64_t status = 0x70;
// "Device Status Field".
constexpr std::uint32_t acknowledge = 1;
constexpr std::uint32_t driver = 2;
constexpr std::uint32_t driver_ok = 4;
constexpr std::uint32_t features_ok = 8;

struct Descriptor {
    std::uint64_t gpa;
    std::uint32_t bytes;
    std::uint16_t flags;
    std::uint16_t next;
};

} // namespace

std::uint32_t volatile& VirtioDriver::at(std::uint64_t offset) const {
    return *pointer_to<std::uint32_t volatile>(registers_ + offset);
}

void VirtioDriver::put_address(std::uint64_t offset, Gpa gpa) const {
    at(offset) = static_cast<std::uint32_t>(gpa.value());
    at(offset + 4) = static_cast<std::uint32_t>(gpa.value() >> 32);
}

bool VirtioDriver::negotiate(std::uint32_t wanted) {
    at(status) = 0;
    at(status) = acknowledge | driver;
    at(device_features_select) = 0;
    features_ = at(device_features) & wanted;
    at(driver_features_select) = 0;
    at(driver_features) = features_;
    at(driver_features_select) = 1;
    at(driver_features) = 1; // VIRTIO_F_VERSION_1
    at(status) = acknowledge | driver | features_ok;
    return (at(status) & features_ok) != 0;
}

bool VirtioDriver::make_queue(std::uint32_t queue) {
    auto const page = allocate_pages(1);
    at(queue_select) = queue;
    if (!page || at(queue_size_max) < queue_size) return false;
    queue_ = queue;
    rings_ = *page;
    at(queue_size_register) = queue_size;
    put_address(0x80, rings_);
    put_address(0x90, rings_ + available_offset);
    put_address(0xa0, rings_ + used_offset);
    at(queue_ready) = 1;
    at(status) = acknowledge | driver | features_ok | driver_ok;
    return true;
}

std::optional<VirtioDriver> VirtioDriver::open(abi::VirtioPlace const& place, std::uint32_t kind,
                                               std::uint32_t queue, std::uint32_t wanted) {
    auto const registers = map_region(place.begin, page_4k.bytes(), page_4k);
    if (!registers) return std::nullopt;
    VirtioDriver device{*registers};
    if (device.at(magic) != 0x74726976 || device.at(version) != 2 || device.at(device_id) != kind ||
        !device.negotiate(wanted) || !device.make_queue(queue))
        return std::nullopt;
    return device;
}

std::uint32_t VirtioDriver::transfer(std::span<Buffer const> buffers) {
    auto* const descriptors = pointer_to<Descriptor volatile>(rings_);
    auto* const available = pointer_to<std::uint16_t volatile>(rings_ + available_offset);
    auto const* const used = pointer_to<std::uint16_t volatile>(rings_ + used_offset);
    auto const* const used_elements = pointer_to<std::uint32_t volatile>(rings_ + used_offset + 4);
    for (std::size_t n = 0; n < buffers.size(); ++n) {
        bool const last = n + 1 == buffers.size();
        // Memory is mapped to itself.
        descriptors[n].gpa = reinterpret_cast<std::uint64_t>(buffers[n].begin);
        descriptors[n].bytes = buffers[n].bytes;
        descriptors[n].flags =
            static_cast<std::uint16_t>((last ? 0 : 1) | (buffers[n].device_writes ? 2 : 0));
        descriptors[n].next = static_cast<std::uint16_t>(n + 1);
    }
    available[2 + sent_ % queue_size] = 0;
    asm volatile("" : : : "memory");
    available[1] = ++sent_;
    at(queue_notify) = queue_;
    while (used[1] != sent_)
        asm volatile("pause" : : : "memory");
    return used_elements[2 * ((sent_ - 1) % queue_size) + 1];
}

} // namespace twofold::guest
