// A swap device in the tests' own memory, which fails on demand.
#pragma once

#include "support/recording_memory.hpp"

#include <twofold/memory/swap_area.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace twofold::test {

class FakeSwapDevice {
  public:
    explicit FakeSwapDevice(RecordingMemory memory) : memory_(std::move(memory)) {}

    bool write_page(SwapSlot slot, Hpa frame) {
        if (fail_writes) return false;
        memory_.copy_out(frame, pages_[slot.number]);
        return true;
    }
    bool read_page(SwapSlot slot, Hpa frame) {
        if (fail_reads) return false;
        memory_.copy_in(frame, pages_.at(slot.number));
        return true;
    }
    [[nodiscard]] std::uint8_t first_byte(SwapSlot slot) const {
        return std::to_integer<std::uint8_t>(pages_.at(slot.number)[0]);
    }

    bool fail_writes = false;
    bool fail_reads = false;

  private:
    RecordingMemory memory_;
    std::map<std::uint32_t, std::array<std::byte, 4096>> pages_;
};

/// The device with its slots.
struct SwapOf {
    SwapOf(RecordingMemory const& memory, std::uint32_t slots)
        : device(memory), counts(slots), area(device, counts) {}
    FakeSwapDevice device;
    std::vector<std::uint32_t> counts;
    SwapArea area;
};

} // namespace twofold::test
