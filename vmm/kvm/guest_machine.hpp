// What a guest under KVM consists of, from its memory to the threads of its processors.
#pragma once

#include "image/launch_plan.hpp"
#include "kvm/clone.hpp"
#include "kvm/debugger.hpp"
#include "kvm/guest_console.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/launch_dirty_log.hpp"
#include "kvm/memory_calls.hpp"
#include "kvm/processor_group.hpp"
#include "kvm/run_options.hpp"
#include "kvm/userfault.hpp"

#include <twofold/load/boot_state.hpp>

#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace twofold::vmm::kvm {

/// Its parts in the order of making. Those that come later refer to those before.
struct GuestMachine {
    /// Memory for a guest that is to be loaded. Throws Failure for what can't be had here.
    GuestMachine(GuestPlan const& plan, RunOptions const& options, GuestIdentity who);
    /// A guest that goes on from a template.
    GuestMachine(std::shared_ptr<Template const> origin, PageSize page, GuestIdentity who);

    /// Puts the guest and what the firmware of a PC leaves into memory; `leave_in_file`: not what
    /// can be copied at its first touch. The state in which it starts, or why it can't be loaded.
    std::expected<BootState, std::string> load(GuestPlan const& plan, BoardOptions const& options,
                                               bool leave_in_file);
    /// How memory comes in, in words, after it was arranged. Throws Failure.
    std::string arrange_memory(abi::Populate populate, RunOptions const& options);
    /// Freezes a guest that has not run: it goes on from the template that this makes.
    void begin_from_template(Device const& device);
    /// Gives the machine its memory, which must be arranged.
    void map_memory() { machine->machine.set_slot(0, Gpa{}, ram->bytes()); }
    /// Puts the guest, whose threads have not started yet, into a debugger's hands.
    void debug_by(std::shared_ptr<GdbServer> server);
    /// Machine, processors and devices are the template's.
    void go_on();

    /// All processors must have left the guest.
    [[nodiscard]] SnapshotHead freeze(Device const& device);
    /// Freezes the guest into a template, of which its own memory is a private view from here on,
    /// where it can be.
    std::shared_ptr<Template const> share(Device const& device);
    /// The guest is what its template is. The 4 KiB pages of its own that it lost.
    std::uint64_t put_back(PageMap const& map);
    /// What the guest gives back reads as zeros. How many pages held something, or nothing when
    /// they don't all lie in its memory.
    std::optional<std::uint64_t> release(Gpa first, std::uint64_t pages);

    /// What the guest did, after its end; with what this takes calls to the kernel only if `asked`.
    [[nodiscard]] Figures figures(PageMap const& map, bool asked) const;
    /// See SnapshotFile.
    [[nodiscard]] std::optional<std::string> why_torn() const;

    GuestIdentity who;
    PageSize page;
    /// What the guest goes on from, and what it is put back to.
    std::shared_ptr<Template const> origin;
    /// What its memory is a private view of now.
    std::shared_ptr<Template const> seen;
    /// What faults are answered from, when it is not the memory itself.
    std::optional<GuestRam> source;
    std::vector<std::byte> image_file;
    std::vector<ImagePart> image;
    std::optional<GuestRam> ram;
    std::optional<EmptyMachine> machine;
    std::unique_ptr<FaultHandler> faults;
    std::unique_ptr<MemoryCalls> memory_calls;
    /// Where the launch keeps one of it.
    std::optional<LaunchDirtyLog> dirty_log;
    std::optional<GuestConsole> console;
    std::optional<Board> board;
    GuestServices services;
    std::optional<ProcessorGroup> group;
    std::optional<Debugger> debugger;
    /// How often it is still to be put back to its template and to run again.
    std::uint64_t runs_left = 0;
    ResetStatistics resets;
    std::string end_reason;
};

} // namespace twofold::vmm::kvm
