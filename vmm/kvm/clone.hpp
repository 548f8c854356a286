// Copy-on-write clones of a guest: one template in memory that is never written again, and machines
// that see it privately.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"
#include "kvm/processor_state.hpp"

#include <twofold/arch/address.hpp>

#include <cstdint>

namespace twofold::vmm::kvm {

/// A frozen guest: its memory, as a file in memory, and its processor.
class Template {
  public:
    /// A copy of `memory`; pages of zeros take no frame.
    Template(std::span<std::byte const> memory, ProcessorState state);

    [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes_; }
    [[nodiscard]] FileDescriptor const& memory() const { return memory_; }
    [[nodiscard]] ProcessorState const& state() const { return state_; }

  private:
    std::uint64_t memory_bytes_;
    FileDescriptor memory_;
    ProcessorState state_;
};

/// A machine without memory, whose processor is set up but for its state: what a pool keeps.
struct EmptyMachine {
    EmptyMachine(Device const& device, CpuidTable const& cpuid);
    Machine machine;
    Processor processor;
};

class Clone {
  public:
    /// Ready to run when it is made. `from` must outlive it.
    Clone(Template const& from, EmptyMachine machine);

    [[nodiscard]] Processor& processor() { return machine_.processor; }
    [[nodiscard]] GuestRam const& ram() const { return ram_; }
    /// Memory and processor are the template's again.
    void reset();

  private:
    Template const& from_;
    // The machine goes before the memory that it maps.
    GuestRam ram_;
    EmptyMachine machine_;
};

} // namespace twofold::vmm::kvm
