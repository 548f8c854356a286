// Everything that a stopped virtual processor holds, so that it can go on elsewhere.
#pragma once

#include "kvm/machine.hpp"

#include <optional>
#include <vector>

namespace twofold::vmm::kvm {

struct ProcessorState {
    kvm_regs registers{};
    kvm_sregs special{};
    kvm_debugregs debug{};
    kvm_vcpu_events events{};
    kvm_mp_state run_state{};
    /// Where the kernel has XSAVE, x87, SSE and all beyond; elsewhere `fpu`.
    std::optional<kvm_xsave> vector_state;
    std::optional<kvm_xcrs> extended_control;
    kvm_fpu fpu{};
    /// Only with the kernel's interrupt controllers.
    std::optional<kvm_lapic_state> local_apic;
    std::vector<kvm_msr_entry> msrs;
};

/// The model-specific registers that are part of a processor's state: those of the kernel's list
/// that a guest can change.
std::vector<std::uint32_t> state_msrs(Device const& device);

/// The processor must not be between an exit and its completion: see complete_exit().
/// `with_local_apic`: its machine has the kernel's interrupt controllers.
ProcessorState read_state(Device const& device, Processor const& processor,
                          std::vector<std::uint32_t> const& msrs, bool with_local_apic = false);
/// Throws Failure, naming the part, for what this kernel or processor does not take.
void write_state(Processor& processor, ProcessorState const& state);

/// Carries out what the last exit left half done (the value of an IN, the step behind an OUT).
/// Nothing of the guest is executed.
void complete_exit(Processor& processor);

} // namespace twofold::vmm::kvm
