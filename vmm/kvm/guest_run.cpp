#include "kvm/guest_run.hpp"

#include "kvm/confinement.hpp"
#include "kvm/entry_state.hpp"
#include "kvm/guest_loading.hpp"
#include "kvm/host.hpp"
#include "kvm/interrupt_chips.hpp"
#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm::kvm {

namespace {

/// What a guest prints is passed on after so long, or when it is much.
constexpr std::chrono::milliseconds patience{2};

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

GuestRun::GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop)
    : options_(options), sinks_(std::move(sinks)), loop_(loop) {
    if (plan.time_limit.count() > 0) deadline_ = started_ + plan.time_limit;
    (void)outbox_.wait_for_more();
    prepare(plan);
    look_at_ = Clock::now() + patience;
    loop_.watch(outbox_.descriptor(), [this] { on_outbox(); });
}

GuestRun::~GuestRun() {
    loop_.forget(outbox_.descriptor());
    outbox_.close();
    if (machine_) machine_->debugger.reset();
    if (machine_) machine_->group.reset();
    // KVM takes milliseconds to put a machine away, and none when its process ends.
    static auto& left_to_the_end = *new std::vector<std::unique_ptr<GuestMachine>>;
    left_to_the_end.push_back(std::move(machine_));
}

void GuestRun::prepare(GuestPlan const& plan) {
    Stopwatch watch;
    machine_ = std::make_unique<GuestMachine>(plan, options_);
    auto& machine = *machine_;
    if (machine.snapshot) options_.board = board_options_of(machine.snapshot->head());
    watch.lap("machine");
    std::optional<BootState> entry;
    if (!machine.snapshot) {
        auto const loaded = load_into(*machine.ram, plan);
        if (!loaded) {
            outbox_.put_report(load_error_record(machine.name, loaded.error()));
            outbox_.put_report(end_record());
            return outbox_.finish();
        }
        entry = *loaded;
        machine.leave_tables(options_.board);
    }
    std::string const populate = machine.arrange_memory(plan, options_);
    watch.lap("memory");
    machine.make_processors(options_.board);
    if (entry) set_entry_state(machine.processors.front(), *entry);
    if (machine.snapshot) machine.go_on_from(machine.snapshot->head());
    watch.lap("processor");
    outbox_.put_report(boot_record(options_.figures ? host_processor() : "unknown",
                                   machine.ram->bytes().size(), watch.laps()));
    outbox_.put_report(start_record(plan, populate, watch.sum()));
    start_thread();
}

void GuestRun::start_thread() {
    auto& machine = *machine_;
    machine.board.emplace(
        options_.board, *machine.ram,
        [this](std::string_view bytes) { outbox_.put_console(bytes); },
        interrupt_lines_of(machine.machine));
    machine.group.emplace(machine.processors, *machine.ram, outbox_, *machine.board);
    if (options_.board.pc) machine.group->end_at_rest();
    if (machine.snapshot) machine.board->set_state(machine.snapshot->head().board);
    if (options_.freeze_after) machine.group->freeze_after(*options_.freeze_after);
    if (options_.debugger) {
        machine.debug_by(options_.debugger);
        if (sinks_.engine_line)
            sinks_.engine_line("waiting for gdb: target remote " + options_.debugger->address());
    }
    machine.group->start(
        [confined = options_.confined, disk = !options_.board.disk.file.empty()] {
            if (confined) confine_thread(disk ? MayWrite::disk : MayWrite::nothing);
        },
        [this](Stop stop) {
            // Whatever came of it, this was the cause.
            auto const torn = machine_->why_torn();
            if (torn && stop.reason != "exit") stop = {"out_of_frames", 1, *torn};
            machine_->end_reason = stop.reason;
            outbox_.put_report(
                stop_record(machine_->name, stop, machine_->figures(options_.figures)));
            outbox_.put_report(end_record());
            outbox_.finish();
        });
    if (machine.debugger) machine.debugger->start();
}

/// What outlives the run: written here, for the guest's thread may not open files.
void GuestRun::keep_results() {
    auto const& machine = *machine_;
    if (machine.snapshot) machine.snapshot->record_touched(machine.ram->touched_pages());
    if (options_.save_to.empty()) return;
    if (machine.end_reason != "frozen")
        throw Failure{
            fmt::format("the guest ended ({}) before it was to be frozen: no snapshot was "
                        "written; freeze it after fewer exits",
                        machine.end_reason)};
    write_snapshot(options_.save_to, machine_->freeze(), machine.ram->bytes());
}

std::optional<Clock::time_point> GuestRun::deadline() const {
    if (!look_at_ || !deadline_) return look_at_ ? look_at_ : deadline_;
    return std::min(*look_at_, *deadline_);
}

void GuestRun::on_outbox() {
    if (!outbox_.wait_for_more()) return take_results();
    look_at_ = Clock::now() + patience;
}

void GuestRun::take_results() {
    look_at_.reset();
    auto const contents = outbox_.take();
    if (!contents.console.empty()) sinks_.console(contents.console);
    for (auto const& line : contents.report)
        (void)sinks_.report_line(line);
    // A guest that prints goes on to print, and is spared to say so.
    if (!contents.finished && !contents.console.empty() && outbox_.wait_for_more())
        look_at_ = Clock::now() + patience;
    if (!contents.finished) return;
    ended_ = Clock::now();
    loop_.forget(outbox_.descriptor());
    if (machine_->group) keep_results();
}

void GuestRun::tick() {
    auto const now = Clock::now();
    if (look_at_ && now >= *look_at_) take_results();
    if (!deadline_ || now < *deadline_) return;
    deadline_.reset();
    if (machine_->group)
        machine_->group->request_stop(
            {"time_limit", 1, "the guest ran longer than it was allowed to"});
}

Ending GuestRun::ending() {
    return {.kind = Ending::Kind::finished,
            .exit_status = 0,
            .log_tail = {},
            .wall = ended_.value_or(started_) - started_};
}

} // namespace twofold::vmm::kvm
