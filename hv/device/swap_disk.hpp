// Pages on a disk: what the memory manager swaps to.
#pragma once

#include "hv/cpu/physical_memory.hpp"
#include "hv/device/ata_disk.hpp"

#include <twofold/arch/page_size.hpp>
#include <twofold/memory/swap_area.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace twofold::hv {

/// Slot n is the n-th 4 KiB of the disk. After the first error nothing is written to it any more:
/// what is on it is still asked for, since a guest's page may be there and nowhere else.
template <PortBus Bus>
class SwapDisk {
  public:
    explicit SwapDisk(AtaDisk<Bus> const& disk) : disk_(disk) {}

    bool write_page(SwapSlot slot, Hpa frame) {
        if (error_) return false;
        auto const done = disk_.write(sector_of(slot), {at<std::byte>(frame), page_4k.bytes()});
        if (!done) error_ = done.error();
        written_ += done ? 1 : 0;
        return done.has_value();
    }
    bool read_page(SwapSlot slot, Hpa frame) {
        auto const done = disk_.read(sector_of(slot), {at<std::byte>(frame), page_4k.bytes()});
        if (!done) error_ = done.error();
        read_ += done ? 1 : 0;
        return done.has_value();
    }

    /// The last error, if there was one.
    [[nodiscard]] std::optional<AtaError> const& error() const { return error_; }
    [[nodiscard]] std::uint64_t pages_written() const { return written_; }
    [[nodiscard]] std::uint64_t pages_read() const { return read_; }

  private:
    static std::uint64_t sector_of(SwapSlot slot) {
        return std::uint64_t{slot.number} * (page_4k.bytes() / AtaDisk<Bus>::sector_bytes);
    }

    AtaDisk<Bus> disk_;
    std::optional<AtaError> error_;
    std::uint64_t written_ = 0;
    std::uint64_t read_ = 0;
};

} // namespace twofold::hv
