// Virtio devices over flat memory, driven by a test: a disk in memory, and a console.
#pragma once

#include "support/flat_guest_memory.hpp"

#include <twofold/device/virtio/block_device.hpp>
#include <twofold/device/virtio/console_device.hpp>
#include <twofold/device/virtio/mmio_device.hpp>

#include <functional>
#include <string>

namespace twofold::test {

/// A disk that notes when it is used beyond its end.
struct MemoryDisk {
    std::vector<std::byte>* contents;
    bool* left;
    bool locked = false;

    [[nodiscard]] std::uint64_t bytes() const { return contents->size(); }
    [[nodiscard]] bool read_only() const { return locked; }
    bool read(std::uint64_t offset, std::span<std::byte> to) const {
        if (!fits(offset, to.size())) return false;
        std::ranges::copy(std::span{*contents}.subspan(offset, to.size()), to.begin());
        return true;
    }
    bool write(std::uint64_t offset, std::span<std::byte const> from) const {
        if (!fits(offset, from.size())) return false;
        std::ranges::copy(from, contents->begin() + static_cast<std::ptrdiff_t>(offset));
        return true;
    }
    [[nodiscard]] bool flush() const { return true; }

  private:
    [[nodiscard]] bool fits(std::uint64_t offset, std::uint64_t count) const {
        bool const inside = offset <= bytes() && count <= bytes() - offset;
        if (!inside) *left = true;
        return inside;
    }
};

using ConsoleSink = std::function<void(std::string_view)>;

// Registers ("MMIO Device Register Layout") that tests use by name.
namespace virtio_register {
inline constexpr std::uint64_t queue_select = 0x30;
inline constexpr std::uint64_t queue_size = 0x38;
inline constexpr std::uint64_t queue_ready = 0x44;
inline constexpr std::uint64_t queue_notify = 0x50;
inline constexpr std::uint64_t interrupt_status = 0x60;
inline constexpr std::uint64_t interrupt_acknowledge = 0x64;
inline constexpr std::uint64_t status = 0x70;
inline constexpr std::uint64_t descriptors = 0x80;
inline constexpr std::uint64_t driver_area = 0x90;
inline constexpr std::uint64_t device_area = 0xa0;
} // namespace virtio_register

/// Status bits: all of a driver that has accepted version 1.
inline constexpr std::uint32_t driving = 1 | 2 | 4 | 8;
inline constexpr std::uint32_t needs_reset = 64;

/// Initialises a device as a driver does, up to DRIVER_OK, with one queue at these places.
template <class Device, class Memory>
void start_device(virtio::MmioDevice<Device>& device, Memory& memory, std::uint32_t queue,
                  std::uint32_t size, std::array<std::uint64_t, 3> places) {
    namespace reg = virtio_register;
    auto const put = [&](std::uint64_t offset, std::uint32_t value) {
        device.write(offset, 4, value, memory);
    };
    put(reg::status, 0);
    put(reg::status, 3);
    put(0x24, 1);
    put(0x20, 1);
    put(reg::status, 11);
    put(reg::queue_select, queue);
    put(reg::queue_size, size);
    for (unsigned n = 0; n < 3; ++n) {
        put(reg::descriptors + 0x10 * n, static_cast<std::uint32_t>(places[n]));
        put(reg::descriptors + 0x10 * n + 4, static_cast<std::uint32_t>(places[n] >> 32));
    }
    put(reg::queue_ready, 1);
    put(reg::status, driving);
}

/// Any bytes as guest memory with a queue somewhere in it. Empty, or the law that was broken.
class AnyVirtioTraffic {
  public:
    /// The first bytes say where the queue lies, the others are the memory.
    std::string drive(std::span<std::byte const> input) {
        bool disk_left = false;
        std::vector<std::byte> contents(disk_bytes);
        FlatGuestMemory memory{memory_bytes, std::byte{0}};
        virtio::MmioDevice disk{virtio::BlockDevice<MemoryDisk>{{&contents, &disk_left}}};
        std::size_t printed = 0;
        virtio::MmioDevice console{virtio::ConsoleDevice<ConsoleSink>{
            [&](std::string_view text) { printed += text.size(); }}};
        auto const take = [&input]() -> std::uint32_t {
            std::uint32_t value = 0;
            auto const count = std::min(sizeof value, input.size());
            std::memcpy(&value, input.data(), count);
            input = input.subspan(count);
            return value;
        };
        std::uint32_t const size = 1U << take() % 10; // one is larger than there can be
        std::array<std::uint64_t, 3> places{};
        for (auto& place : places)
            place = take() % (memory_bytes + 0x2000);
        (void)memory.write(Gpa{}, input.first(std::min<std::size_t>(input.size(), memory_bytes)));
        for (unsigned turn = 0; turn < 3; ++turn) {
            start_device(disk, memory, 0, size, places);
            disk.write(virtio_register::queue_notify, 4, turn, memory);
            start_device(console, memory, 1, size, places);
            console.write(virtio_register::queue_notify, 4, 1, memory);
            if (!says_so(disk) || !says_so(console))
                return "a device that needs a reset does not say so";
        }
        if (disk_left) return "the disk was used beyond its end";
        if (printed > most_printed) return "more was printed than was made available";
        return {};
    }

  private:
    static constexpr std::uint64_t memory_bytes = 0x8000;
    static constexpr std::uint64_t disk_bytes = 0x2000;
    /// Buffers may overlap: three turns of the largest queue with the largest request each.
    static constexpr std::uint64_t most_printed = std::uint64_t{3} << 28;

    template <class Device>
    static bool says_so(virtio::MmioDevice<Device> const& device) {
        bool const failed = (device.read(virtio_register::status, 4) & needs_reset) != 0;
        return !failed || (device.read(virtio_register::interrupt_status, 4) & 2) != 0;
    }
};

} // namespace twofold::test
