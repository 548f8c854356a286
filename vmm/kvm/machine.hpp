// A virtual machine of KVM's: its memory and its processors.
#pragma once

#include "kvm/device.hpp"
#include "kvm/mapping.hpp"

#include <twofold/arch/address.hpp>

#include <cstdint>
#include <span>

namespace twofold::vmm::kvm {

class Machine {
  public:
    explicit Machine(Device const& device);

    [[nodiscard]] int get() const { return machine_.get(); }

    /// What KVM notes of a slot.
    enum class Log : std::uint8_t { nothing, writes };

    /// Gives the machine `memory` as its guest-physical memory from `gpa` on. The memory must
    /// outlive the machine, and be a multiple of 4096 bytes. Once more with the same memory, it
    /// changes what is noted.
    void set_slot(std::uint32_t slot, Gpa gpa, std::span<std::byte> memory, Log log = Log::nothing);
    /// Of a slot whose writes are noted: a bit for each page that was written since it was last
    /// asked, in `words`, which must be all that the slot takes.
    void take_writes(std::uint32_t slot, std::span<std::uint64_t> words);

  private:
    FileDescriptor machine_;
};

/// One virtual processor. Its methods are for the thread that runs it.
class Processor {
  public:
    /// Without `cpuid`, it answers CPUID with zeros.
    Processor(Device const& device, Machine const& machine, unsigned number,
              CpuidTable const* cpuid);

    [[nodiscard]] int get() const { return processor_.get(); }
    [[nodiscard]] kvm_run& shared() const { return *reinterpret_cast<kvm_run*>(run_.begin()); }
    [[nodiscard]] std::byte* shared_bytes() const { return run_.begin(); }

    /// Enters the guest. 0 after an exit that `shared()` describes, else an errno value: EINTR
    /// when it was told to leave.
    [[nodiscard]] int enter();

    [[nodiscard]] kvm_regs registers() const;
    void set_registers(kvm_regs const& registers);
    [[nodiscard]] kvm_sregs special_registers() const;
    void set_special_registers(kvm_sregs const& registers);

  private:
    FileDescriptor processor_;
    Mapping run_;
};

} // namespace twofold::vmm::kvm
