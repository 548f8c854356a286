// KVM's system calls made bare: the floor of benchmarks. What they return is checked, and nothing
// else is done.
#pragma once

#include "kvm/device.hpp"
#include "kvm/machine_state.hpp"
#include "kvm/processor_state.hpp"

#include <cstddef>
#include <cstdint>

namespace twofold::vmm {

/// A machine with one processor and one slot, made by hand.
struct BareMachine {
    int machine = -1;
    int processor = -1;
    kvm_run* run = nullptr;
    std::size_t run_bytes = 0;
    void* memory = nullptr;
    std::size_t memory_bytes = 0;

    BareMachine() = default;
    BareMachine(BareMachine const&) = delete;
    BareMachine& operator=(BareMachine const&) = delete;
    ~BareMachine();

    /// Machine, processor, its shared page, and CPUID.
    void make(int device, std::size_t shared_bytes, kvm::CpuidTable const& cpuid);
    /// Maps `bytes` of `file` privately (-1: zeros) and gives them to the machine.
    void map(int file, std::size_t bytes);
    void set_slot();
    void set_clock(kvm::MachineState const& state);
    void set_state(kvm::ProcessorState const& state);
    /// Runs to HLT.
    void run_to_halt();
};

/// Throws Failure where a bare call failed.
void check_bare(long result, char const* what);

} // namespace twofold::vmm
