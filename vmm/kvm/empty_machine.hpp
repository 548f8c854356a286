// A machine without memory, whose processors are set up but for their state: what takes the kernel
// longest to make of a guest, and can be made before anybody knows of which.
#pragma once

#include "kvm/board.hpp"
#include "kvm/machine.hpp"
#include "kvm/snapshot_head.hpp"

#include <deque>
#include <functional>
#include <future>

namespace twofold::vmm::kvm {

struct EmptyMachine {
    /// One processor, no interrupt controllers.
    EmptyMachine(Device const& device, CpuidTable const& cpuid);
    /// What the board needs of the kernel. Throws Failure for what it lacks.
    EmptyMachine(Device const& device, BoardOptions const& board,
                 std::shared_future<CpuidTable> const& supported_cpuid);

    [[nodiscard]] Processor& first() { return processors.front(); }
    [[nodiscard]] Processor const& first() const { return processors.front(); }

    /// Of one that has memory: machine and processors are those that were frozen.
    void go_on_from(SnapshotHead const& head);
    /// Of one whose processors have all left the guest. The rest of the head is for the caller.
    void freeze(Device const& device, SnapshotHead& head, bool with_interrupt_chips);

    Machine machine;
    /// The first is the one that the guest starts with.
    std::deque<Processor> processors;
};

/// Machines made beforehand, for guests to come.
class MachinePool {
  public:
    /// Makes `count` of them.
    MachinePool(std::function<EmptyMachine()> make, unsigned count);

    /// One of them, or a new one when none is left.
    EmptyMachine take();
    [[nodiscard]] std::size_t left() const { return machines_.size(); }

  private:
    std::function<EmptyMachine()> make_;
    std::deque<EmptyMachine> machines_;
};

} // namespace twofold::vmm::kvm
