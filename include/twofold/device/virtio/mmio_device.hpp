// A virtio device at an address: its registers, its queues, and what it does with their buffers.
#pragma once

#include <twofold/device/virtio/mmio_transport.hpp>

#include <utility>

namespace twofold::virtio {

/// `Device`: `kind`, `features()`, `configuration(offset)`, `answer(queue, chain, memory)`.
template <class Device>
class MmioDevice {
  public:
    explicit MmioDevice(Device device)
        : device_(std::move(device)), transport_(Device::kind, device_.features()) {}

    /// `size`: 1, 2 or 4 bytes; registers take 4.
    [[nodiscard]] std::uint32_t read(std::uint64_t offset, unsigned size) const {
        if (offset < MmioTransport::configuration_begin)
            return size == 4 ? transport_.read(offset) : 0;
        std::uint32_t value = 0;
        for (unsigned n = 0; n < size && n < 4; ++n)
            value |= std::uint32_t{device_.configuration(offset -
                                                         MmioTransport::configuration_begin + n)}
                     << 8 * n;
        return value;
    }

    /// Answers the buffers that the write tells of. The configuration cannot be written.
    template <class Memory>
    void write(std::uint64_t offset, unsigned size, std::uint32_t value, Memory& memory) {
        if (offset >= MmioTransport::configuration_begin || size != 4) return;
        auto const queue = transport_.write(offset, value);
        if (queue && transport_.works() && transport_.has_queue(*queue)) look_at(*queue, memory);
    }

    [[nodiscard]] bool interrupt() const { return transport_.interrupt(); }
    [[nodiscard]] MmioTransport const& transport() const { return transport_; }
    void set_transport(MmioTransport const& transport) { transport_ = transport; }

  private:
    template <class Memory>
    void look_at(unsigned number, Memory& memory) {
        if constexpr (requires { Device::takes_from(number); })
            if (!Device::takes_from(number)) return;
        SplitQueue& queue = transport_.queue(number);
        bool used = false;
        // No more than one turn of the queue: other processors may add to it without end.
        for (unsigned n = 0; n < queue.size; ++n) {
            auto const chain = queue.take(memory);
            if (!chain) return transport_.fail();
            if (!*chain) break;
            auto const written = device_.answer(number, **chain, memory);
            if (!written || !queue.give_back(memory, (*chain)->head, *written))
                return transport_.fail();
            used = true;
        }
        if (used && queue.wants_interrupt(memory)) transport_.tell_used();
    }

    Device device_;
    MmioTransport transport_;
};

} // namespace twofold::virtio
