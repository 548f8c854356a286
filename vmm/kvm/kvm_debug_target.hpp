// A guest's first processor as the debugger's stub sees it.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/debug_gate.hpp"
#include "kvm/guest_breakpoints.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <functional>

namespace twofold::vmm::kvm {

/// What the target has done to the thread that runs the processor.
struct DebugControl {
    /// Makes the processor leave the guest, to look at the gate.
    std::function<void()> kick;
    /// Ends the guest.
    std::function<void()> kill;
};

class KvmDebugTarget final : public DebugTarget {
  public:
    KvmDebugTarget(Processor& processor, GuestRam& ram, DebugGate& gate, DebugControl control);

    [[nodiscard]] DebugRegisters registers() override;
    /// Selectors can't be set: what a descriptor holds comes with them.
    [[nodiscard]] bool set_registers(DebugRegisters const& registers) override;
    [[nodiscard]] std::size_t read_memory(Gva gva, std::span<std::byte> to) override;
    [[nodiscard]] std::size_t write_memory(Gva gva, std::span<std::byte const> from) override;
    [[nodiscard]] bool set_breakpoint(BreakpointKind kind, Gva gva) override;
    [[nodiscard]] bool remove_breakpoint(BreakpointKind kind, Gva gva) override;
    void resume(ResumeKind kind) override;
    void interrupt() override;
    [[nodiscard]] int stop_descriptor() const override { return gate_.descriptor(); }
    [[nodiscard]] DebugStop take_stop() override { return gate_.take_stop(); }
    void kill() override { control_.kill(); }

  private:
    template <class Action>
    std::size_t access(Gva gva, std::size_t bytes, Action const& action);

    Processor& processor_;
    GuestRam& ram_;
    DebugGate& gate_;
    DebugControl control_;
    GuestBreakpoints breakpoints_;
};

} // namespace twofold::vmm::kvm
