// What a guest under KVM consists of, from its memory to the threads of its processors.
#pragma once

#include "image/launch_plan.hpp"
#include "kvm/debugger.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/processor_group.hpp"
#include "kvm/run_options.hpp"
#include "kvm/snapshot_file.hpp"
#include "kvm/userfault.hpp"

#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <string>

namespace twofold::vmm::kvm {

/// The machine that a snapshot was taken of.
BoardOptions board_options_of(SnapshotHead const& head);

/// Its parts in the order of making. Those that come later refer to those before.
struct GuestMachine {
    /// Memory and an empty machine. Throws Failure for what can't be had here.
    GuestMachine(GuestPlan const& plan, RunOptions const& options);

    /// How memory comes in, in words, after it was arranged.
    std::string arrange_memory(GuestPlan const& plan, RunOptions const& options);
    /// What the firmware of a PC leaves in memory, where there is so much.
    void leave_tables(BoardOptions const& options);
    void make_processors(BoardOptions const& options);
    /// Puts the guest, whose threads have not started yet, into a debugger's hands.
    void debug_by(std::shared_ptr<GdbServer> server);
    void go_on_from(SnapshotHead const& head);

    /// All processors must have left the guest.
    [[nodiscard]] SnapshotHead freeze();
    /// What the guest did, after its end; with what this takes calls to the kernel only if `asked`.
    [[nodiscard]] Figures figures(bool asked) const;
    /// See SnapshotFile.
    [[nodiscard]] std::optional<std::string> why_torn() const {
        return snapshot ? snapshot->why_torn() : std::nullopt;
    }

    std::string name;
    PageSize page;
    std::optional<SnapshotFile> snapshot;
    /// What faults are answered from, when it is not the memory itself.
    std::optional<GuestRam> source;
    std::optional<GuestRam> ram;
    Device device;
    /// Asked while the kernel makes the machine: either takes a quarter of a millisecond.
    std::future<CpuidTable> supported_cpuid =
        std::async(std::launch::async | std::launch::deferred,
                   [this] { return device.supported_cpuid(); });
    Machine machine{device};
    std::deque<Processor> processors;
    std::unique_ptr<FaultHandler> faults;
    std::optional<Board> board;
    std::optional<ProcessorGroup> group;
    std::optional<Debugger> debugger;
    std::string end_reason;
};

} // namespace twofold::vmm::kvm
