// Breakpoints in a guest under KVM: in the processor's debug registers, and as INT3 in its memory.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <array>
#include <map>
#include <optional>

namespace twofold::vmm::kvm {

/// KVM keeps the guest's own debug registers apart. Of a processor that stands still.
class GuestBreakpoints {
  public:
    /// `in_memory`: INT3 makes this host's processors leave the guest; where KVM emulates ring 0
    /// only debug registers do.
    GuestBreakpoints(GuestRam& ram, bool in_memory) : ram_(ram), in_memory_(in_memory) {}

    /// A software breakpoint takes a debug register while one is free: the guest's code stays as it
    /// is. `gpa`: where `gva` lies now. False when there is no room.
    [[nodiscard]] bool set(BreakpointKind kind, Gva gva, std::optional<Gpa> gpa);
    [[nodiscard]] bool remove(BreakpointKind kind, Gva gva);

    /// What the guest would read: `bytes` were read at `gpa`.
    void hide(Gpa gpa, std::span<std::byte> bytes) const;
    /// Before `bytes` are written to `gpa`: what lies under breakpoints is kept for their removal,
    /// and stays covered.
    void cover(Gpa gpa, std::span<std::byte> bytes);

    /// Lets the processor obey, and step if that is asked for. False when KVM refuses.
    [[nodiscard]] bool apply(Processor& processor, bool step) const;

  private:
    using Key = std::pair<BreakpointKind, Gva>;
    struct InMemory {
        Gpa gpa;
        std::byte original;
    };

    GuestRam& ram_;
    bool in_memory_;
    std::array<std::optional<Key>, 4> in_registers_{};
    std::map<Key, InMemory> covered_;
};

} // namespace twofold::vmm::kvm
