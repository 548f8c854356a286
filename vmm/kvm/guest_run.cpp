#include "kvm/guest_run.hpp"

#include "kvm/confinement.hpp"
#include "kvm/cpuid.hpp"
#include "kvm/entry_state.hpp"
#include "kvm/host.hpp"
#include "kvm/interrupt_chips.hpp"
#include "kvm/kernel_statistics.hpp"
#include "kvm/processor_state.hpp"
#include "kvm/snapshot_file.hpp"
#include "kvm/ticks.hpp"
#include "kvm/torn_memory.hpp"
#include "system/failure.hpp"

#include <twofold/device/mp_table.hpp>
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>
#include <twofold/load/pc_memory_map.hpp>

#include <fmt/format.h>

#include <utility>

namespace twofold::vmm::kvm {

namespace {

std::string command_line_of(GuestPlan const& plan) {
    std::string line;
    for (auto const& argument : plan.arguments)
        line += argument + '\0';
    line.pop_back();
    return line;
}

/// The guest in its memory, or why not.
std::expected<GuestLayout, std::string> load_into(GuestRam& ram, GuestPlan const& plan) {
    std::string const line = command_line_of(plan);
    auto const layout =
        load_guest(plan.elf,
                   {.memory_bytes = plan.memory_bytes,
                    .guest_page = plan.guest_page,
                    .host_page_shift = static_cast<std::uint8_t>(plan.host_page.shift()),
                    .habitat = abi::Habitat::kvm,
                    .command_line = line,
                    .memory_reads_zero = true},
                   ram);
    if (layout) return *layout;
    std::string text;
    auto const sink = [&text](std::string_view piece) { text += piece; };
    describe(layout.error().error, sink);
    return std::unexpected(text);
}

/// The machine that a snapshot was taken of.
BoardOptions board_options_of(SnapshotHead const& head) {
    return {.pc = head.board.pc.has_value(),
            .processors = static_cast<unsigned>(head.processors.size()),
            .unknown = head.board.unknown};
}

/// Durations one after another, in ticks.
class Stopwatch {
  public:
    void lap(std::string_view name) {
        std::uint64_t const now = read_ticks();
        laps_.emplace_back(name, now - last_);
        last_ = now;
    }
    [[nodiscard]] std::uint64_t sum() const { return last_ - first_; }
    [[nodiscard]] auto const& laps() const { return laps_; }

  private:
    std::uint64_t first_ = read_ticks();
    std::uint64_t last_ = first_;
    std::vector<std::pair<std::string_view, std::uint64_t>> laps_;
};

} // namespace

struct GuestRun::Parts {
    Parts(GuestPlan const& plan, RunOptions const& options)
        : name(plan.name()), page(plan.guest_page) {
        if (!options.restore_from.empty()) snapshot.emplace(options.restore_from);
        ram.emplace(snapshot ? snapshot->map_memory()
                             : GuestRam::zeroed(plan.memory_bytes, plan.host_page));
        if (snapshot) outlive_torn_pages(ram->bytes());
    }

    std::string name;
    PageSize page;
    std::optional<SnapshotFile> snapshot;
    std::optional<GuestRam> ram;
    Device device;
    Machine machine{device};
    std::deque<Processor> processors;
    std::unique_ptr<FaultHandler> faults;
    std::optional<Board> board;
    std::optional<ProcessorGroup> group;
    std::string end_reason;

    void make_processors(BoardOptions const& options) {
        machine.set_slot(0, Gpa{}, ram->bytes());
        if (options.pc) {
            require_pc_capabilities([this](unsigned number) { return device.extension(number); },
                                    options.processors);
            make_interrupt_chips(machine);
        }
        auto const cpuid = device.supported_cpuid();
        if (!options.pc) {
            processors.emplace_back(device, machine, 0, &cpuid);
            return;
        }
        for (unsigned n = 0; n < options.processors; ++n) {
            auto const own = cpuid_of(cpuid, n, options.processors);
            processors.emplace_back(device, machine, n, &own);
        }
        for (auto& processor : processors)
            connect_local_apic(processor, &processor == &processors.front());
    }

    /// What the firmware of a PC leaves in memory, where there is so much.
    void leave_tables(BoardOptions const& options) {
        if (!options.pc || ram->bytes().size() < pc::extended_begin) return;
        (void)ram->write(MpTable::place, MpTable{options.processors}.bytes());
    }

    void go_on_from(SnapshotHead const& head) {
        write_state(machine, head.machine);
        for (std::size_t n = 0; n < processors.size(); ++n)
            write_state(processors[n], head.processors[n]);
    }

    /// All processors must have left the guest.
    [[nodiscard]] SnapshotHead freeze() {
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

    [[nodiscard]] std::optional<std::string> why_torn() const {
        return snapshot ? snapshot->why_torn() : std::nullopt;
    }

    [[nodiscard]] Figures figures() const {
        auto const& unknown = board->unknown();
        Figures figures{.rip = processors[group->ended_by()].registers().rip,
                        .ticks = group->ticks(),
                        .exits = group->exits(),
                        .unknown_ports = unknown.ports(),
                        .unknown_mmio = unknown.memory(),
                        .unknown_places = unknown.places(),
                        .memory_frames = ram->resident_pages(),
                        .faults = {},
                        .kernel = {}};
        if (faults) {
            faults->stop();
            figures.faults = faults->statistics();
        }
        add_kernel_statistics(machine.get(), figures.kernel);
        for (auto const& processor : processors)
            add_kernel_statistics(processor.get(), figures.kernel);
        return figures;
    }

    /// How memory comes in, in words, after it was arranged.
    std::string arrange_memory(GuestPlan const& plan, RunOptions const& options) {
        if (snapshot) {
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
        faults = std::make_unique<FaultHandler>(std::move(*userfault), ram->bytes(),
                                                PageSource{.window = options.fault_window});
        return fmt::format("lazy, by userfaultfd, {} pages a fault", options.fault_window);
    }
};

GuestRun::GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop)
    : options_(options), sinks_(std::move(sinks)), loop_(loop) {
    if (plan.time_limit.count() > 0) deadline_ = started_ + plan.time_limit;
    prepare(plan);
    loop_.watch(outbox_.descriptor(), [this] { on_outbox(); });
}

GuestRun::~GuestRun() {
    loop_.forget(outbox_.descriptor());
    outbox_.close();
    if (parts_) parts_->group.reset();
    // KVM takes milliseconds to put a machine away, and none when its process ends.
    static auto& left_to_the_end = *new std::vector<std::unique_ptr<Parts>>;
    left_to_the_end.push_back(std::move(parts_));
}

void GuestRun::prepare(GuestPlan const& plan) {
    Stopwatch watch;
    parts_ = std::make_unique<Parts>(plan, options_);
    auto& parts = *parts_;
    if (parts.snapshot) options_.board = board_options_of(parts.snapshot->head());
    watch.lap("machine");
    std::optional<GuestLayout> layout;
    if (!parts.snapshot) {
        auto const loaded = load_into(*parts.ram, plan);
        if (!loaded) {
            outbox_.put_report(load_error_record(parts.name, loaded.error()));
            outbox_.put_report(end_record());
            return outbox_.finish();
        }
        layout = *loaded;
        parts.leave_tables(options_.board);
    }
    std::string const populate = parts.arrange_memory(plan, options_);
    watch.lap("memory");
    parts.make_processors(options_.board);
    if (layout) set_entry_state(parts.processors.front(), *layout);
    if (parts.snapshot) parts.go_on_from(parts.snapshot->head());
    watch.lap("processor");
    outbox_.put_report(boot_record(host_processor(), parts.ram->bytes().size(), watch.laps()));
    outbox_.put_report(start_record(plan, populate, watch.sum()));
    start_thread();
}

void GuestRun::start_thread() {
    auto& parts = *parts_;
    parts.board.emplace(
        options_.board, *parts.ram, [this](std::string_view bytes) { outbox_.put_console(bytes); },
        interrupt_lines_of(parts.machine));
    parts.group.emplace(parts.processors, *parts.ram, outbox_, *parts.board);
    if (options_.board.pc) parts.group->end_at_rest();
    if (parts.snapshot) parts.board->set_state(parts.snapshot->head().board);
    if (options_.freeze_after) parts.group->freeze_after(*options_.freeze_after);
    parts.group->start(
        [confined = options_.confined, disk = !options_.board.disk.file.empty()] {
            if (confined) confine_thread(disk ? MayWrite::disk : MayWrite::nothing);
        },
        [this](Stop stop) {
            // Whatever came of it, this was the cause.
            if (auto const why = parts_->why_torn()) stop = {"out_of_frames", 1, *why};
            parts_->end_reason = stop.reason;
            outbox_.put_report(stop_record(parts_->name, stop, parts_->figures()));
            outbox_.put_report(end_record());
            outbox_.finish();
        });
}

/// What outlives the run: written here, for the guest's thread may not open files.
void GuestRun::keep_results() {
    auto const& parts = *parts_;
    if (parts.snapshot) parts.snapshot->record_touched(parts.ram->touched_pages());
    if (options_.save_to.empty()) return;
    if (parts.end_reason != "frozen")
        throw Failure{
            fmt::format("the guest ended ({}) before it was to be frozen: no snapshot was "
                        "written; freeze it after fewer exits",
                        parts.end_reason)};
    write_snapshot(options_.save_to, parts_->freeze(), parts.ram->bytes());
}

void GuestRun::on_outbox() {
    auto const contents = outbox_.take();
    if (!contents.console.empty()) sinks_.console(contents.console);
    for (auto const& line : contents.report)
        (void)sinks_.report_line(line);
    if (!contents.finished) return;
    ended_ = Clock::now();
    loop_.forget(outbox_.descriptor());
    if (parts_->group) keep_results();
}

void GuestRun::tick() {
    if (!deadline_ || Clock::now() < *deadline_) return;
    deadline_.reset();
    if (parts_->group)
        parts_->group->request_stop(
            {"time_limit", 1, "the guest ran longer than it was allowed to"});
}

Ending GuestRun::ending() {
    return {.kind = Ending::Kind::finished,
            .exit_status = 0,
            .log_tail = {},
            .wall = ended_.value_or(started_) - started_};
}

} // namespace twofold::vmm::kvm
