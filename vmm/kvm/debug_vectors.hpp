// A processor's x87 and SSE registers as a debugger has them.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/machine.hpp"

namespace twofold::vmm::kvm {

void read_vectors(Processor const& processor, DebugRegisters& registers);
/// False when the state is not possible, such as with reserved bits of MXCSR.
[[nodiscard]] bool write_vectors(Processor& processor, DebugRegisters const& registers);

/// The x87 unit's tag word as FXSAVE has it, a bit for each register that is in use, and whole,
/// with two bits each: a number, zero, anything special, empty. `status` and `stack` tell what the
/// registers hold.
std::uint16_t whole_tag_word(std::uint8_t in_use, std::uint16_t status,
                             std::array<std::array<std::uint8_t, 10>, 8> const& stack);
std::uint8_t abridged_tag_word(std::uint16_t whole);

} // namespace twofold::vmm::kvm
