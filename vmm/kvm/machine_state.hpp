// Everything that a stopped machine holds beside its processors and its memory.
#pragma once

#include "kvm/machine.hpp"

#include <array>
#include <optional>

namespace twofold::vmm::kvm {

/// The kernel's interrupt controllers and timer.
struct InterruptChipsState {
    /// Both halves of the old controller, and the I/O APIC.
    std::array<kvm_irqchip, 3> controllers{};
    kvm_pit_state2 timer{};
};

struct MachineState {
    /// Only of a machine that has them.
    std::optional<InterruptChipsState> chips;
    /// What guests that know KVM read as their clock: it goes on from here.
    kvm_clock_data clock{};
};

/// `with_chips`: the machine has interrupt controllers.
MachineState read_state(Machine const& machine, bool with_chips);
/// Throws Failure, naming the part, for what this kernel does not take.
void write_state(Machine& machine, MachineState const& state);

} // namespace twofold::vmm::kvm
