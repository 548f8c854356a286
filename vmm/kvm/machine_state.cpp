#include "kvm/machine_state.hpp"

#include "kvm/explain.hpp"

namespace twofold::vmm::kvm {

MachineState read_state(Machine const& machine, bool with_chips) {
    MachineState state{};
    TWOFOLD_KVM_CALL(machine.get(), KVM_GET_CLOCK, &state.clock);
    if (!with_chips) return state;
    auto& chips = state.chips.emplace();
    for (std::uint32_t n = 0; n < chips.controllers.size(); ++n) {
        chips.controllers[n].chip_id = n;
        TWOFOLD_KVM_CALL(machine.get(), KVM_GET_IRQCHIP, &chips.controllers[n]);
    }
    TWOFOLD_KVM_CALL(machine.get(), KVM_GET_PIT2, &chips.timer);
    return state;
}

void write_state(Machine& machine, MachineState const& state) {
    // Without flags: it goes on from the value, whatever time has passed outside.
    kvm_clock_data clock{};
    clock.clock = state.clock.clock;
    TWOFOLD_KVM_CALL(machine.get(), KVM_SET_CLOCK, &clock);
    if (!state.chips) return;
    auto chips = *state.chips;
    for (auto& controller : chips.controllers)
        TWOFOLD_KVM_CALL(machine.get(), KVM_SET_IRQCHIP, &controller);
    TWOFOLD_KVM_CALL(machine.get(), KVM_SET_PIT2, &chips.timer);
}

} // namespace twofold::vmm::kvm
