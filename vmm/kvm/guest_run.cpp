#include "kvm/guest_run.hpp"

#include "kvm/entry_state.hpp"
#include "kvm/host.hpp"
#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace twofold::vmm::kvm {

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

namespace {
/// What a guest prints is passed on after so long, or when it is much.
constexpr std::chrono::milliseconds patience{2};
/// How much longer than its guest a clone's process may live.
constexpr std::chrono::seconds process_grace{2};
} // namespace

GuestRun::GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop)
    : options_(options), sinks_(std::move(sinks)), loop_(loop) {
    if (plan.time_limit.count() > 0) deadline_ = started_ + plan.time_limit;
    (void)outbox_.wait_for_more();
    prepare(plan);
    look_at_ = Clock::now() + patience;
    loop_.watch(outbox_.descriptor(), [this] { on_outbox(); });
    loop_.watch(errands_.descriptor(), [this] { errands_.do_all(); });
}

GuestRun::~GuestRun() {
    loop_.forget(outbox_.descriptor());
    loop_.forget(errands_.descriptor());
    for (auto const& process : processes_)
        loop_.forget(process.descriptor());
    outbox_.close();
    errands_.close();
}

std::unique_ptr<GuestMachine> GuestRun::make_first(GuestPlan const& plan, Stopwatch& watch) {
    if (!options_.restore_from.empty() && !options_.origin)
        options_.origin = std::make_shared<Template const>(SnapshotFile{options_.restore_from});
    if (options_.origin) {
        options_.board = board_options_of(options_.origin->head());
        auto guest =
            std::make_unique<GuestMachine>(options_.origin, plan.guest_page, identity(plan));
        watch.lap("memory");
        guest->machine.emplace(guests_->make_machine(options_.board));
        watch.lap("machine");
        return guest;
    }
    auto guest = std::make_unique<GuestMachine>(plan, options_, identity(plan));
    // A huge page that comes in with a part of the file would have zeros in place of the rest.
    bool const leave = options_.lazy_by == LazyBy::userfault && plan.host_page == page_4k &&
                       plan.populate == abi::Populate::lazy && !again(plan);
    auto const loaded = guest->load(plan, options_.board, leave);
    if (!loaded) {
        outbox_.put_report(load_error_record(guest->who, loaded.error()));
        return nullptr;
    }
    watch.lap("memory");
    guest->machine.emplace(guests_->make_machine(options_.board));
    set_entry_state(guest->machine->processors.front(), *loaded);
    watch.lap("machine");
    return guest;
}

void GuestRun::prepare(GuestPlan const& plan) {
    Stopwatch watch;
    guests_.emplace(plan, options_, outbox_, errands_);
    auto made = make_first(plan, watch);
    if (!made) return guests_->all_started();
    auto& guest = guests_->add(std::move(made));
    guests_->fill_pool(options_.board);
    if (again(plan) && !guest.origin) guest.begin_from_template(guests_->device());
    bool const alone = options_.clones_as == ClonesAs::processes;
    if (alone) start_processes(guest, plan);
    std::string const populate = guest.arrange_memory(plan.populate, options_);
    guest.map_memory();
    if (options_.origin) guest.go_on();
    guest.runs_left = options_.runs - 1;
    if (plan.clones > 0 || is_clone()) guest.console->share();
    watch.lap("guest");
    if (!is_clone())
        outbox_.put_report(boot_record(options_.figures ? host_processor() : "unknown",
                                       guest.ram->bytes().size(), watch.laps()));
    start_first(guest);
    guests_->start(guest, populate, watch.sum());
    if (!alone) guests_->start_clones(guest, plan.clones);
    guests_->all_started();
}

void GuestRun::start_first(GuestMachine& guest) {
    if (options_.freeze_after) guest.group->freeze_after(*options_.freeze_after);
    if (!options_.debugger) return;
    guest.debug_by(options_.debugger);
    if (!sinks_.engine_line) return;
    if (auto const why = guest.debugger->why_no_watchpoints(); !why.empty())
        sinks_.engine_line(fmt::format("no watchpoints: {}", why));
    sinks_.engine_line("waiting for gdb: target remote " + options_.debugger->address());
}

/// What outlives the run: written here, for the guest's thread may not open files.
void GuestRun::keep_results(GuestMachine& guest) {
    auto const* const snapshot = guest.origin ? guest.origin->snapshot() : nullptr;
    if (snapshot != nullptr && !is_clone()) snapshot->record_touched(guest.ram->touched_pages());
    if (options_.save_to.empty()) return;
    if (guest.end_reason != "frozen")
        throw Failure{
            fmt::format("the guest ended ({}) before it was to be frozen: no snapshot was "
                        "written; freeze it after fewer exits",
                        guest.end_reason)};
    write_snapshot(options_.save_to, guest.freeze(guests_->device()), guest.ram->bytes());
}

std::optional<Clock::time_point> GuestRun::deadline() const {
    std::optional<Clock::time_point> first;
    for (auto const& one : {look_at_, deadline_, guests_ ? guests_->dirty_log_due() : std::nullopt})
        if (one && (!first || *one < *first)) first = one;
    return first;
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
    if (!contents.finished || own_ended_) return;
    own_ended_ = true;
    loop_.forget(outbox_.descriptor());
    loop_.forget(errands_.descriptor());
    finish_if_all_ended();
}

void GuestRun::finish_if_all_ended() {
    if (!own_ended_ || !std::ranges::all_of(processes_, &CloneProcess::ended)) return;
    if (!is_clone()) (void)sinks_.report_line(end_record());
    ended_ = Clock::now();
    if (auto* const first = guests_->first()) keep_results(*first);
}

GuestIdentity GuestRun::identity(GuestPlan const& plan) const {
    if (!is_clone()) return {.name = plan.name()};
    return {.number = options_.number, .name = plan.name(), .cloned_from = 0};
}

void GuestRun::start_processes(GuestMachine& guest, GuestPlan const& plan) {
    auto own_plan = plan;
    own_plan.clones = 0;
    auto own = options_;
    own.origin = guest.origin;
    own.clones_as = ClonesAs::threads;
    for (own.number = 1; own.number <= plan.clones; ++own.number) {
        auto& process = processes_.emplace_back(own.number, [&](Sinks const& sinks) {
            EventLoop loop{loop_.signals()};
            try {
                GuestRun run{own_plan, own, sinks, loop};
                Run* const only = &run;
                finish_all(loop, {&only, 1});
            } catch (Interrupted const&) {
                throw;
            } catch (Failure const& failure) {
                (void)sinks.report_line(load_error_record(
                    {own.number, own_plan.name()},
                    fmt::format("the clone could not be made: {}", failure.what())));
            }
        });
        loop_.watch(process.descriptor(), [this, &process] { on_process(process); });
    }
}

void GuestRun::on_process(CloneProcess& process) {
    // What this process says of itself comes first.
    if (!own_ended_) take_results();
    auto const gone = process.take(sinks_);
    if (!process.ended()) return;
    loop_.forget(process.descriptor());
    if (gone)
        (void)sinks_.report_line(
            stop_record({.number = process.number(), .name = guests_->first()->who.name},
                        {"killed", 1, *gone}, Figures{}));
    finish_if_all_ended();
}

void GuestRun::tick() {
    auto const now = Clock::now();
    if (look_at_ && now >= *look_at_) take_results();
    guests_->collect_dirty_logs(now);
    if (!deadline_ || now < *deadline_) return;
    deadline_.reset();
    if (std::exchange(told_to_stop_, true)) {
        for (auto& process : processes_)
            process.kill();
        return;
    }
    // Each has the same limit, and is given time to say so.
    if (!processes_.empty()) deadline_ = Clock::now() + process_grace;
    guests_->request_stop({"time_limit", 1, "the guest ran longer than it was allowed to"});
}

Ending GuestRun::ending() {
    return {.kind = Ending::Kind::finished,
            .exit_status = 0,
            .log_tail = {},
            .wall = ended_.value_or(started_) - started_};
}

} // namespace twofold::vmm::kvm
