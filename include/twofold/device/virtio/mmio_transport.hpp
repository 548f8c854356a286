// The registers of a virtio device at an address ("Virtio Over MMIO"; the version that is not
// legacy).
#pragma once

#include <twofold/device/virtio/split_queue.hpp>

#include <bit>

namespace twofold::virtio {

enum class DeviceKind : std::uint32_t { block = 2, console = 3 };

/// That the device and its driver keep to version 1 of the standard.
inline constexpr std::uint64_t feature_version_1 = std::uint64_t{1} << 32;

class MmioTransport {
  public:
    /// Bytes of a device's page.
    static constexpr std::uint64_t bytes = 0x1000;
    static constexpr std::uint64_t configuration_begin = 0x100;
    static constexpr unsigned most_queues = 2;

    MmioTransport(DeviceKind kind, std::uint64_t features)
        : kind_(kind), offered_(features | feature_version_1) {}

    /// A 4-byte register below configuration_begin; 0 where there is none.
    [[nodiscard]] std::uint32_t read(std::uint64_t offset) const;
    /// The queue whose buffers the driver wants to be looked at, if it does.
    std::optional<unsigned> write(std::uint64_t offset, std::uint32_t value);

    /// Whether the driver has said that it drives, and nothing has gone wrong since.
    [[nodiscard]] bool works() const {
        return (status_ & driver_ok) != 0 && (status_ & needs_reset) == 0;
    }
    [[nodiscard]] bool has_queue(unsigned number) const {
        return number < most_queues && queues_[number].ready;
    }
    /// `number`: below most_queues.
    [[nodiscard]] SplitQueue& queue(unsigned number) { return queues_[number]; }

    /// Buffers have come back.
    void tell_used() { interrupt_ |= 1; }
    /// The driver broke the rules: nothing happens until it resets the device.
    void fail() {
        status_ |= needs_reset;
        interrupt_ |= 2;
    }
    /// The level of the device's interrupt line.
    [[nodiscard]] bool interrupt() const { return interrupt_ != 0; }

  private:
    /// "MMIO Device Register Layout".
    enum Register : std::uint32_t {
        magic_value = 0x00,
        version = 0x04,
        device_id = 0x08,
        vendor_id = 0x0c,
        device_features = 0x10,
        device_features_select = 0x14,
        driver_features = 0x20,
        driver_features_select = 0x24,
        queue_select = 0x30,
        queue_size_max = 0x34,
        queue_size = 0x38,
        queue_ready = 0x44,
        queue_notify = 0x50,
        interrupt_status = 0x60,
        interrupt_acknowledge = 0x64,
        status = 0x70,
        descriptors_low = 0x80,
        descriptors_high = 0x84,
        driver_area_low = 0x90,
        driver_area_high = 0x94,
        device_area_low = 0xa0,
        device_area_high = 0xa4,
    };
    // "Device Status Field".
    static constexpr std::uint32_t driver_ok = 4;
    static constexpr std::uint32_t features_ok = 8;
    static constexpr std::uint32_t needs_reset = 64;

    void reset() {
        MmioTransport fresh{kind_, offered_};
        *this = fresh;
    }
    void set_status(std::uint32_t value);
    void set_queue(std::uint64_t offset, std::uint32_t value);

    DeviceKind kind_;
    std::uint64_t offered_;
    std::uint64_t accepted_ = 0;
    std::uint32_t offered_word_ = 0;
    std::uint32_t accepted_word_ = 0;
    std::uint32_t selected_ = 0;
    std::uint32_t status_ = 0;
    std::uint32_t interrupt_ = 0;
    std::array<SplitQueue, most_queues> queues_{};
};

inline std::uint32_t MmioTransport::read(std::uint64_t offset) const {
    switch (offset) {
    case magic_value: return 0x74726976; // "virt", first byte lowest
    case version: return 2;
    case device_id: return static_cast<std::uint32_t>(kind_);
    case vendor_id: return 0x464f5754; // "TWOF"
    case device_features:
        return offered_word_ < 2 ? static_cast<std::uint32_t>(offered_ >> 32 * offered_word_) : 0;
    case queue_size_max: return selected_ < most_queues ? largest_queue : 0;
    case queue_ready: return has_queue(selected_) ? 1 : 0;
    case interrupt_status: return interrupt_;
    case status: return status_;
    default: return 0;
    }
}

inline std::optional<unsigned> MmioTransport::write(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
    case device_features_select: offered_word_ = value; break;
    case driver_features_select: accepted_word_ = value; break;
    case driver_features:
        if (accepted_word_ < 2 && (status_ & features_ok) == 0) {
            unsigned const shift = 32 * accepted_word_;
            accepted_ = (accepted_ & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{value}
                                                                                   << shift;
        }
        break;
    case queue_select: selected_ = value; break;
    case queue_notify: return value;
    case interrupt_acknowledge: interrupt_ &= ~value; break;
    case status: set_status(value); break;
    default: set_queue(offset, value); break;
    }
    return std::nullopt;
}

inline void MmioTransport::set_status(std::uint32_t value) {
    if (value == 0) return reset();
    bool const acceptable = (accepted_ & ~offered_) == 0 && (accepted_ & feature_version_1) != 0;
    if (!acceptable) value &= ~features_ok;
    status_ = value | (status_ & needs_reset);
}

inline void MmioTransport::set_queue(std::uint64_t offset, std::uint32_t value) {
    if (selected_ >= most_queues) return;
    SplitQueue& queue = queues_[selected_];
    if (offset == queue_ready && value == 0) queue = {};
    if (queue.ready) return; // its places are fixed from here on
    auto const low = [value](Gpa& gpa) { gpa = Gpa{gpa.value() >> 32 << 32 | value}; };
    auto const high = [value](Gpa& gpa) {
        gpa = Gpa{(gpa.value() & 0xffff'ffff) | std::uint64_t{value} << 32};
    };
    switch (offset) {
    case queue_size:
        queue.size = value <= largest_queue && std::has_single_bit(value)
                         ? static_cast<std::uint16_t>(value)
                         : std::uint16_t{0};
        break;
    case queue_ready: queue.ready = value == 1 && queue.size != 0; break;
    case descriptors_low: low(queue.descriptors); break;
    case descriptors_high: high(queue.descriptors); break;
    case driver_area_low: low(queue.available); break;
    case driver_area_high: high(queue.available); break;
    case device_area_low: low(queue.used); break;
    case device_area_high: high(queue.used); break;
    default: break;
    }
}

} // namespace twofold::virtio
