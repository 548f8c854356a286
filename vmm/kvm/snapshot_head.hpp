// What there is of a frozen guest beside its memory.
#pragma once

#include "kvm/board.hpp"
#include "kvm/machine_state.hpp"
#include "kvm/processor_state.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace twofold::vmm::kvm {

struct SnapshotHead {
    std::string name;
    std::uint64_t memory_bytes = 0;
    std::uint8_t guest_page_shift = 12;
    BoardState board{};
    MachineState machine{};
    /// The first is the one that the guest started with; none is missing.
    std::vector<ProcessorState> processors{};
};

/// The machine that it was frozen in.
BoardOptions board_options_of(SnapshotHead const& head);

} // namespace twofold::vmm::kvm
