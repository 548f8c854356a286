#include "kvm/guest_machine.hpp"

#include "kvm/cpuid.hpp"
#include "kvm/interrupt_chips.hpp"
#include "kvm/kernel_statistics.hpp"
#include "kvm/processor_state.hpp"
#include "kvm/torn_memory.hpp"

#include <twofold/device/mp_table.hpp>
#include <twofold/load/pc_memory_map.hpp>

#include <fmt/format.h>

namespace twofold::vmm::kvm {

BoardOptions board_options_of(SnapshotHead const& head) {
    return {.pc = head.board.pc.has_value(),
            .processors = static_cast<unsigned>(head.processors.size()),
            .unknown = head.board.unknown};
}

GuestMachine::GuestMachine(GuestPlan const& plan, RunOptions const& options)
    : name(plan.name()), page(plan.guest_page) {
    if (!options.restore_from.empty()) snapshot.emplace(options.restore_from);
    ram.emplace(snapshot ? snapshot->map_memory()
                         : GuestRam::zeroed(plan.memory_bytes, plan.host_page));
    if (snapshot) outlive_torn_pages(ram->bytes());
}

std::string GuestMachine::arrange_memory(GuestPlan const& plan, RunOptions const& options) {
    if (snapshot && options.lazy_by == LazyBy::kernel) {
        auto const pages = snapshot->touched_pages();
        prefetch(*ram, pages);
        return fmt::format("from a snapshot, {} pages beforehand", pages.size());
    }
    if (plan.populate == abi::Populate::eager) {
        ram->populate();
        return "eager";
    }
    if (options.lazy_by == LazyBy::kernel) return "lazy, by the kernel";
    auto userfault = FaultHandler::open_userfault();
    if (!userfault) return "lazy, by the kernel: " + userfault.error();
    PageSource from{.window = options.fault_window};
    if (snapshot) {
        source = std::move(ram);
        ram.emplace(GuestRam::zeroed(source->bytes().size(), page_4k));
        from.contents = source->bytes();
    }
    faults = std::make_unique<FaultHandler>(std::move(*userfault), ram->bytes(), from);
    return fmt::format("lazy{}, by userfaultfd, {} pages a fault",
                       snapshot ? ", from a snapshot" : "", options.fault_window);
}

void GuestMachine::leave_tables(BoardOptions const& options) {
    if (!options.pc || ram->bytes().size() < pc::extended_begin) return;
    (void)ram->write(MpTable::place, MpTable{options.processors}.bytes());
}

void GuestMachine::make_processors(BoardOptions const& options) {
    machine.set_slot(0, Gpa{}, ram->bytes());
    if (options.pc) {
        require_pc_capabilities([this](unsigned number) { return device.extension(number); },
                                options.processors);
        make_interrupt_chips(machine);
    }
    auto const cpuid = supported_cpuid.get();
    if (!options.pc) {
        processors.emplace_back(device, machine, 0, &cpuid);
        return;
    }
    bool const deadline_timer = device.extension(KVM_CAP_TSC_DEADLINE_TIMER) > 0;
    for (unsigned n = 0; n < options.processors; ++n) {
        auto const own = cpuid_of(cpuid, {n, options.processors, deadline_timer});
        processors.emplace_back(device, machine, n, &own);
    }
    for (auto& processor : processors)
        connect_local_apic(processor, &processor == &processors.front());
}

void GuestMachine::debug_by(std::shared_ptr<GdbServer> server) {
    auto const kill = [this] { group->request_stop({"killed", 1, "the debugger ended it"}); };
    debugger.emplace(std::move(server), processors.front(), *ram,
                     DebugControl{.kick = [this] { group->kick(); }, .kill = kill});
    group->debug(debugger->gate());
}

void GuestMachine::go_on_from(SnapshotHead const& head) {
    write_state(machine, head.machine);
    for (std::size_t n = 0; n < processors.size(); ++n)
        write_state(processors[n], head.processors[n]);
}

SnapshotHead GuestMachine::freeze() {
    auto const devices = board->state();
    bool const pc = devices.pc.has_value();
    SnapshotHead head{.name = name,
                      .memory_bytes = ram->bytes().size(),
                      .guest_page_shift = static_cast<std::uint8_t>(page.shift()),
                      .board = devices,
                      .machine = read_state(machine, pc),
                      .processors = {}};
    auto const msrs = state_msrs(device);
    for (auto& processor : processors) {
        complete_exit(processor);
        head.processors.push_back(read_state(device, processor, msrs, pc));
    }
    return head;
}

Figures GuestMachine::figures(bool asked) const {
    auto const& unknown = board->unknown();
    Figures figures{.rip = asked ? processors[group->ended_by()].registers().rip : 0,
                    .ticks = group->ticks(),
                    .exits = group->exits(),
                    .unknown_ports = unknown.ports(),
                    .unknown_mmio = unknown.memory(),
                    .unknown_places = unknown.places(),
                    .memory_frames = asked ? ram->resident_pages() : 0,
                    .faults = {},
                    .kernel = {}};
    if (faults) {
        faults->stop();
        figures.faults = faults->statistics();
    }
    if (!asked) return figures;
    add_kernel_statistics(machine.get(), figures.kernel);
    for (auto const& processor : processors)
        add_kernel_statistics(processor.get(), figures.kernel);
    return figures;
}

} // namespace twofold::vmm::kvm
