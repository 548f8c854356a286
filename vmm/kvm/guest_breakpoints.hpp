// Breakpoints in a guest under KVM: in the processor's debug registers, and as INT3 in its memory.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <array>
#include <map>
#include <optional>
#include <vector>

namespace twofold::vmm::kvm {

/// KVM keeps the guest's own debug registers apart. Of a processor that stands still.
class GuestBreakpoints {
  public:
    /// `in_memory`: INT3 makes this host's processors leave the guest; where KVM emulates ring 0
    /// only debug registers do.
    GuestBreakpoints(GuestRam& ram, bool in_memory) : ram_(ram), in_memory_(in_memory) {}

    /// A software breakpoint takes a debug register while one is free: the guest's code stays as it
    /// is. Bytes that are watched take one for each aligned 1, 2, 4 or 8 of them. `gpa`: where the
    /// breakpoint's gva lies now. False when there is no room.
    [[nodiscard]] bool set(Breakpoint const& breakpoint, std::optional<Gpa> gpa);
    [[nodiscard]] bool remove(Breakpoint const& breakpoint);
    void remove_all();

    /// What the guest would read: `bytes` were read at `gpa`.
    void hide(Gpa gpa, std::span<std::byte> bytes) const;
    /// Before `bytes` are written to `gpa`: what lies under breakpoints is kept for their removal,
    /// and stays covered.
    void cover(Gpa gpa, std::span<std::byte> bytes);

    /// Which one a processor has come to; none where it was a step, or the guest's own INT3.
    [[nodiscard]] std::optional<Breakpoint> hit_by(kvm_debug_exit_arch const& exit) const;

    /// Of how a processor goes on.
    struct Going {
        bool step = false;
        /// It delivers the guest's own INT3, which it has come to.
        bool deliver_int3 = false;
    };
    /// Lets the processor obey. False when KVM refuses.
    [[nodiscard]] bool apply(Processor& processor, Going going) const;

  private:
    /// A debug register's part of a breakpoint.
    struct Part {
        Breakpoint whole;
        Gva gva;
        /// 1, 2, 4 or 8.
        std::uint64_t bytes;
    };
    struct InMemory {
        Gpa gpa;
        std::byte original;
    };

    GuestRam& ram_;
    bool in_memory_;
    [[nodiscard]] static std::vector<Part> parts_of(Breakpoint const& breakpoint);
    [[nodiscard]] bool set_in_registers(std::vector<Part> const& parts);

    /// DR0 to DR3.
    static constexpr std::size_t debug_registers = 4;
    std::array<std::optional<Part>, debug_registers> in_registers_{};
    std::map<Breakpoint, InMemory> covered_;
};

} // namespace twofold::vmm::kvm
