#include "kvm/guests.hpp"

#include "kvm/confinement.hpp"
#include "kvm/guest_view.hpp"
#include "kvm/interrupt_chips.hpp"
#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <utility>

namespace twofold::vmm::kvm {

namespace {

/// Of one run: a guest that clones itself for ever must not take the machine with it.
constexpr std::size_t most_guests = 1024;

/// What all guests of a run have in common; the file is loaded once.
GuestPlan without_file(GuestPlan const& plan) {
    return {.arguments = {plan.name()},
            .elf = {},
            .memory_bytes = plan.memory_bytes,
            .guest_page = plan.guest_page,
            .host_page = plan.host_page,
            .populate = plan.populate,
            .ept_probes = plan.ept_probes,
            .report_tables = plan.report_tables};
}

/// Each guest has descriptors of its own, and most systems give a process only 1,024 at first.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/// Elsewhere pages that were given back would come in from their source again.
bool can_release(GuestMachine const& guest) {
    return !guest.faults || guest.faults->limits_frames();
}

bool ended_well(Stop const& stop) {
    return (stop.reason == "exit" || stop.reason == "halt") && stop.code == 0;
}

} // namespace

Guests::Guests(GuestPlan const& plan, RunOptions const& options, Outbox& outbox, Errands& errands)
    : plan_(without_file(plan)), options_(options), outbox_(outbox), errands_(errands) {}

Guests::~Guests() {
    for (auto const& guest : guests_) {
        guest->debugger.reset();
        guest->group.reset();
    }
    // KVM takes milliseconds to put a machine away, and none when its process ends.
    // NOLINTBEGIN(bugprone-unhandled-exception-at-new): without memory for this the process ends.
    static auto& left_to_the_end = *new std::vector<std::vector<std::unique_ptr<GuestMachine>>>;
    left_to_the_end.push_back(std::move(guests_));
    static auto& never_used = *new std::vector<std::unique_ptr<MachinePool>>;
    never_used.push_back(std::move(pool_));
    // NOLINTEND(bugprone-unhandled-exception-at-new)
}

void Guests::fill_pool(BoardOptions const& board) {
    if (options_.pool > 0) raise_descriptor_limit();
    pool_ =
        std::make_unique<MachinePool>([this, board] { return make_machine(board); }, options_.pool);
}

GuestMachine& Guests::add(std::unique_ptr<GuestMachine> guest) {
    guests_.push_back(std::move(guest));
    next_number_ = guests_.back()->who.number + 1;
    equip(*guests_.back());
    return *guests_.back();
}

void Guests::equip(GuestMachine& guest) {
    guest.console.emplace(lines_, guest.who.number);
    guest.board.emplace(
        options_.board, *guest.ram, [&guest](std::string_view bytes) { guest.console->put(bytes); },
        interrupt_lines_of(guest.machine->machine));
    auto const clone_it = [this, &guest] {
        std::expected<std::uint64_t, abi::HypercallError> made =
            std::unexpected(abi::HypercallError::not_allowed);
        errands_.run([&] { made = clone(guest); });
        return made;
    };
    auto const on_memory = [this, &guest](abi::Hypercall call, kvm_regs const& registers,
                                          kvm_sregs const& special) {
        auto result = static_cast<std::uint64_t>(abi::HypercallError::not_allowed);
        errands_.run([&] { result = memory_calls(guest).answer(call, registers, special); });
        return result;
    };
    auto const paging_of_host = [this] {
        auto paging = Paging::ept;
        errands_.run([&] { paging = examine_host().paging; });
        return paging;
    };
    guest.services = {
        .number = guest.who.number,
        .console = [&guest](std::string_view bytes) { guest.console->put(bytes); },
        .report = [this](std::string line) { outbox_.put_report(std::move(line)); },
        .release = [&guest](Gpa first, std::uint64_t pages) { return guest.release(first, pages); },
        .may_release = guest.ram->page() == page_4k && can_release(guest),
        .on_memory = on_memory,
        .paging_of_host = paging_of_host,
        .clone = clone_it};
    guest.group.emplace(guest.machine->processors, *guest.ram, guest.services, *guest.board);
    if (options_.board.pc) guest.group->end_at_rest();
}

void Guests::start(GuestMachine& guest, std::string_view populate, std::uint64_t ticks_to_entry) {
    // Here, for the guest's thread may not open files.
    if (guest.origin) page_map_.open();
    auto plan = plan_;
    plan.host_page = guest.ram->page();
    outbox_.put_report(start_record(guest.who, plan, populate, ticks_to_entry));
    begin_dirty_log(guest);
    ++running_;
    guest.group->start(
        [confined = options_.confined, disk = !options_.board.disk.file.empty()] {
            if (confined) confine_thread(disk ? MayWrite::disk : MayWrite::nothing);
        },
        [this, &guest](Stop const& stop, bool for_good) { return on_end(guest, stop, for_good); });
    if (guest.debugger) guest.debugger->start();
}

void Guests::start_clone(GuestMachine& parent, std::shared_ptr<Template const> const& from,
                         std::uint64_t runs) {
    std::uint64_t const begun = read_ticks();
    if (guests_.size() == 1) raise_descriptor_limit();
    auto made = std::make_unique<GuestMachine>(
        from, parent.page, GuestIdentity{next_number_, parent.who.name, parent.who.number});
    made->machine.emplace(pool_->take());
    auto const populate = made->arrange_memory(plan_.populate, options_);
    made->map_memory();
    auto& clone = add(std::move(made));
    clone.go_on();
    clone.runs_left = runs - 1;
    parent.console->share();
    clone.console->share();
    start(clone, populate, read_ticks() - begun);
}

void Guests::start_clones(GuestMachine& parent, unsigned count) {
    for (unsigned n = 0; n < count; ++n) {
        try {
            start_clone(parent, parent.origin, options_.runs);
        } catch (Failure const& failure) {
            outbox_.put_report(
                load_error_record({next_number_++, parent.who.name},
                                  fmt::format("the clone could not be made: {}", failure.what())));
        }
    }
}

std::expected<std::uint64_t, abi::HypercallError> Guests::clone(GuestMachine& parent) {
    bool const can_wait = parent.machine->processors.size() == 1 && !parent.debugger;
    if (!can_wait || !options_.may_clone || !options_.board.disk.file.empty())
        return std::unexpected(abi::HypercallError::not_allowed);
    if (guests_.size() >= most_guests) return std::unexpected(abi::HypercallError::over_committed);
    try {
        start_clone(parent, parent.share(device_), 1);
        return guests_.back()->who.number;
    } catch (Failure const&) {
        return std::unexpected(abi::HypercallError::out_of_frames);
    }
}

MemoryCalls& Guests::memory_calls(GuestMachine& guest) {
    if (options_.may_merge && !merger_) merger_ = std::make_unique<PageMerger>();
    if (!guest.memory_calls)
        guest.memory_calls = std::make_unique<MemoryCalls>(MemoryCalls::Parts{
            .machine = guest.machine->machine,
            .ram = *guest.ram,
            .guest = guest.who.number,
            .stands_still = guest.machine->processors.size() == 1,
            .has_fault_handler = guest.faults != nullptr,
            .is_logged = guest.dirty_log.has_value(),
            .may_resize = plan_.ept_probes,
            .merger = merger_.get(),
            .report = [this](std::string line) { outbox_.put_report(std::move(line)); }});
    return *guest.memory_calls;
}

bool Guests::put_back(GuestMachine& guest, Stop& stop) const {
    try {
        (void)guest.put_back(page_map_);
        return true;
    } catch (Failure const& failure) {
        stop = {"unknown_exit", 1,
                fmt::format("it could not be put back to its template: {}", failure.what())};
        return false;
    }
}

bool Guests::on_end(GuestMachine& guest, Stop stop, bool for_good) {
    // Whatever came of it, this was the cause.
    auto const torn = guest.why_torn();
    if (torn && stop.reason != "exit") stop = {"out_of_frames", 1, *torn};
    guest.console->flush();
    if (!for_good && ended_well(stop) && guest.runs_left > 0) {
        --guest.runs_left;
        if (put_back(guest, stop)) return true;
    }
    guest.end_reason = stop.reason;
    if (plan_.report_tables) put_tables(guest);
    if (guest.dirty_log) errands_.run([&] { guest.dirty_log->end(guest.group->ticks()); });
    auto const figures = guest.figures(page_map_, options_.figures);
    outbox_.put_report(stop_record(guest.who, stop, figures));
    if (figures.reclaimed)
        outbox_.put_report(memory_record(*figures.reclaimed, guest.ram->bytes().size()));
    // Nobody asks for a clone's memory any more.
    if (guest.who.cloned_from && !guest.faults) {
        guest.memory_calls.reset();
        guest.ram->discard();
    }
    finish_one();
    return false;
}

/// Of the first processor. Before the end's figures: the tables may have to be brought in.
void Guests::put_tables(GuestMachine& guest) {
    auto const special = guest.machine->processors.front().special_registers();
    SlotTables slot{*guest.ram};
    GuestView{special, *guest.ram}.report_tables(
        guest.who.number, slot, [this](std::string line) { outbox_.put_report(std::move(line)); });
}

void Guests::finish_one() {
    if (--running_ == 0) outbox_.finish();
}

void Guests::begin_dirty_log(GuestMachine& guest) {
    if (options_.dirty_log.means == abi::DirtyLogging::off) return;
    guest.dirty_log.emplace(options_.dirty_log,
                            LaunchDirtyLog::Parts{.machine = guest.machine->machine,
                                                  .ram = *guest.ram,
                                                  .guest = guest.who.number,
                                                  .report = [this](std::string line) {
                                                      outbox_.put_report(std::move(line));
                                                  }});
}

std::optional<LaunchDirtyLog::Clock::time_point> Guests::dirty_log_due() const {
    std::optional<LaunchDirtyLog::Clock::time_point> first;
    for (auto const& guest : guests_) {
        auto const due = guest->dirty_log ? guest->dirty_log->due() : std::nullopt;
        if (due && (!first || *due < *first)) first = due;
    }
    return first;
}

void Guests::collect_dirty_logs(LaunchDirtyLog::Clock::time_point now) {
    for (auto const& guest : guests_) {
        auto const due = guest->dirty_log ? guest->dirty_log->due() : std::nullopt;
        if (due && now >= *due) guest->dirty_log->collect(guest->group->ticks());
    }
}

void Guests::request_stop(Stop const& stop) {
    for (auto const& guest : guests_)
        guest->group->request_stop(stop);
}

} // namespace twofold::vmm::kvm
