// A console as virtio has it ("Console Device"): what the guest transmits is passed on, and nobody
// types.
#pragma once

#include <twofold/device/virtio/mmio_transport.hpp>
#include <twofold/device/virtio/parts.hpp>

#include <string_view>

namespace twofold::virtio {

/// `Sink` is called with the text, piece by piece.
template <class Sink>
class ConsoleDevice {
  public:
    static constexpr DeviceKind kind = DeviceKind::console;
    static constexpr unsigned transmit_queue = 1;
    /// More in one buffer breaks the rules: no exit lasts for as long as memory is large.
    static constexpr std::uint64_t largest_request = std::uint64_t{1} << 20;

    explicit ConsoleDevice(Sink sink) : sink_(std::move(sink)) {}

    [[nodiscard]] std::uint64_t features() const { return 0; }
    [[nodiscard]] std::uint8_t configuration(std::uint64_t) const { return 0; }

    template <class Memory>
    std::expected<std::uint32_t, QueueError> answer(unsigned queue, Chain const& chain,
                                                    Memory& memory) {
        std::uint64_t const bytes = bytes_of(chain.readable());
        if (queue != transmit_queue || bytes > largest_request)
            return std::unexpected(QueueError::malformed_request);
        PartsCursor from{chain.readable()};
        std::array<char, 4096> text;
        for (std::uint64_t done = 0; done < bytes;) {
            auto const piece = std::span{text}.first(
                static_cast<std::size_t>(std::min<std::uint64_t>(text.size(), bytes - done)));
            if (!from.read(memory, std::as_writable_bytes(piece)))
                return std::unexpected(QueueError::outside_memory);
            sink_(std::string_view{piece.data(), piece.size()});
            done += piece.size();
        }
        return 0U;
    }
    /// Buffers for what is typed stay with the device.
    static constexpr bool takes_from(unsigned queue) { return queue == transmit_queue; }

  private:
    Sink sink_;
};

} // namespace twofold::virtio
