#include "kvm/empty_machine.hpp"

#include "kvm/cpuid.hpp"
#include "kvm/interrupt_chips.hpp"

namespace twofold::vmm::kvm {

EmptyMachine::EmptyMachine(Device const& device, CpuidTable const& cpuid) : machine(device) {
    processors.emplace_back(device, machine, 0, &cpuid);
}

EmptyMachine::EmptyMachine(Device const& device, BoardOptions const& board,
                           std::shared_future<CpuidTable> const& supported_cpuid)
    : machine(device) {
    if (board.pc) {
        require_pc_capabilities([&](unsigned number) { return device.extension(number); },
                                board.processors);
        make_interrupt_chips(machine);
    }
    CpuidTable const& cpuid = supported_cpuid.get();
    if (!board.pc) {
        processors.emplace_back(device, machine, 0, &cpuid);
        return;
    }
    bool const deadline_timer = device.extension(KVM_CAP_TSC_DEADLINE_TIMER) > 0;
    for (unsigned n = 0; n < board.processors; ++n) {
        auto const own = cpuid_of(cpuid, {n, board.processors, deadline_timer});
        processors.emplace_back(device, machine, n, &own);
    }
    for (auto& processor : processors)
        connect_local_apic(processor, &processor == &processors.front());
}

void EmptyMachine::go_on_from(SnapshotHead const& head) {
    write_state(machine, head.machine);
    for (std::size_t n = 0; n < processors.size(); ++n)
        write_state(processors[n], head.processors[n]);
}

void EmptyMachine::freeze(Device const& device, SnapshotHead& head, bool with_interrupt_chips) {
    head.machine = read_state(machine, with_interrupt_chips);
    auto const msrs = state_msrs(device);
    for (auto& processor : processors) {
        complete_exit(processor);
        head.processors.push_back(read_state(device, processor, msrs, with_interrupt_chips));
    }
}

MachinePool::MachinePool(std::function<EmptyMachine()> make, unsigned count)
    : make_(std::move(make)) {
    for (unsigned n = 0; n < count; ++n)
        machines_.push_back(make_());
}

EmptyMachine MachinePool::take() {
    if (machines_.empty()) return make_();
    EmptyMachine machine = std::move(machines_.front());
    machines_.pop_front();
    return machine;
}

} // namespace twofold::vmm::kvm
