// The guest of the memory benchmarks: writes one byte to each of its pages, then halts.
#pragma once

#include "kvm/processor_state.hpp"

#include <cstdint>
#include <span>

namespace twofold::vmm {

/// 32-bit code in flat segments, without paging: every access is one of the second dimension alone.
class TouchLoop {
  public:
    static constexpr std::uint64_t pages = 2048;
    static constexpr std::uint64_t first_page = 0x10'0000;
    static constexpr std::uint64_t memory_bytes = first_page + pages * 4096;

    /// Puts the code into guest memory.
    static void load(std::span<std::byte> memory);
    /// The state at its first instruction, from that of a fresh processor.
    static kvm::ProcessorState entry_state(kvm::ProcessorState fresh);
};

} // namespace twofold::vmm
