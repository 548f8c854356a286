// The driver's side of a virtio device at an address ("Virtual I/O Device (VIRTIO) Version 1.2"),
// polled, with one queue.
#pragma once

#include "guest/kit/paging.hpp"

#include <twofold/abi/virtio_places.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace twofold::guest {

/// Guest memory for a device: what it reads, or what it writes.
struct Buffer {
    void const* begin;
    std::uint32_t bytes;
    bool device_writes;
};

class VirtioDriver {
  public:
    static constexpr std::uint64_t read_only_disk = 1 << 5;

    /// Initialises the device of `kind` at `place`, whose features `wanted` are accepted where it
    /// has them, and its queue. Nothing when it is not there, or refuses.
    static std::optional<VirtioDriver> open(abi::VirtioPlace const& place, std::uint32_t kind,
                                            std::uint32_t queue, std::uint32_t wanted);

    [[nodiscard]] std::uint32_t features() const { return features_; }
    /// 4 bytes of the device's configuration.
    [[nodiscard]] std::uint32_t configuration(std::uint64_t offset) const {
        return at(0x100 + offset);
    }
    /// Hands the buffers over as one, and waits until it is back. Returns how many bytes the device
    /// says it wrote. At most 4 buffers.
    std::uint32_t transfer(std::span<Buffer const> buffers);

  private:
    explicit VirtioDriver(Gva registers) : registers_(registers) {}
    [[nodiscard]] std::uint32_t volatile& at(std::uint64_t offset) const;
    void put_address(std::uint64_t offset, Gpa gpa) const;
    bool negotiate(std::uint32_t wanted);
    bool make_queue(std::uint32_t queue);

    Gva registers_;
    std::uint32_t features_ = 0;
    std::uint32_t queue_ = 0;
    Gpa rings_{};
    std::uint16_t sent_ = 0;
};

} // namespace twofold::guest
