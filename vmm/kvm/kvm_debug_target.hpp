// A guest's processors as the debugger's stub sees them.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/debug_gate.hpp"
#include "kvm/guest_breakpoints.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <deque>
#include <functional>
#include <vector>

namespace twofold::vmm::kvm {

class KvmDebugTarget final : public DebugTarget {
  public:
    /// `kill` ends the guest.
    KvmDebugTarget(std::deque<Processor>& processors, GuestRam& ram, DebugGate& gate,
                   std::function<void()> kill);

    [[nodiscard]] unsigned processors() const override {
        return static_cast<unsigned>(processors_.size());
    }
    [[nodiscard]] std::string processor_text(unsigned processor) override;
    [[nodiscard]] DebugRegisters registers(unsigned processor) override;
    /// Selectors can't be set: what a descriptor holds comes with them.
    [[nodiscard]] bool set_registers(unsigned processor, DebugRegisters const& registers) override;
    [[nodiscard]] std::size_t read_memory(unsigned processor, Gva gva,
                                          std::span<std::byte> to) override;
    [[nodiscard]] std::size_t write_memory(unsigned processor, Gva gva,
                                           std::span<std::byte const> from) override;
    /// KVM's emulator knows no breakpoints on data.
    [[nodiscard]] bool can_watch() const override { return !emulated_; }
    [[nodiscard]] bool set_breakpoint(unsigned processor, Breakpoint const& breakpoint) override;
    [[nodiscard]] bool remove_breakpoint(Breakpoint const& breakpoint) override;
    void resume(std::span<ResumeKind const> kinds) override;
    void let_go() override;
    void interrupt() override { gate_.interrupt(); }
    [[nodiscard]] int stop_descriptor() const override { return gate_.descriptor(); }
    [[nodiscard]] DebugStop take_stop() override;
    void kill() override { kill_(); }

  private:
    template <class Action>
    std::size_t access(unsigned processor, Gva gva, std::size_t bytes, Action const& action);
    /// The processor has come to an INT3 of the guest's own, and has not been moved since.
    [[nodiscard]] bool is_at_own_int3(unsigned processor) const;

    std::deque<Processor>& processors_;
    GuestRam& ram_;
    DebugGate& gate_;
    std::function<void()> kill_;
    bool emulated_;
    GuestBreakpoints breakpoints_;
    /// Stops of one stand that are told after its first, when their processors would go on.
    std::deque<DebugStop> waiting_;
    /// Of each processor, where it has come to an INT3 of the guest's own.
    std::vector<std::optional<std::uint64_t>> own_int3_;
};

} // namespace twofold::vmm::kvm
