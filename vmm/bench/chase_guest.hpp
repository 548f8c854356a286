// The guest of `twofold bench chase`: ring 3 follows the chain, ring 0 only halts.
#pragma once

#include "bench/chase_memory.hpp"
#include "kvm/clone.hpp"

#include <cstdint>

namespace twofold::vmm {

/// A 64-bit guest over the memory of `memory`, which must outlive it. The loop runs in ring 3, so
/// that it runs on the processor itself on every kind of host; its end is an invalid opcode, whose
/// handler in ring 0 is a HLT.
class ChaseGuest {
  public:
    ChaseGuest(kvm::Device const& device, kvm::CpuidTable const& cpuid, ChaseMemory& memory,
               PageSize guest_page);

    /// Follows `steps` pointers from `first` on. Returns the seconds from entry to HLT; throws
    /// Failure where the guest does not come to it.
    double run(std::uint64_t first, std::uint64_t steps);
    /// Where the last run ended.
    [[nodiscard]] std::uint64_t end() const { return guest_.first().registers().rax; }

  private:
    kvm::EmptyMachine guest_;
    kvm_sregs at_start_;
    std::uint64_t code_;
    std::uint64_t stack_;
};

} // namespace twofold::vmm
