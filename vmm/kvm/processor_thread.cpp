#include "kvm/processor_thread.hpp"

#include "kvm/crash_text.hpp"
#include "kvm/entry_failure.hpp"
#include "kvm/exit_names.hpp"
#include "kvm/exit_stop.hpp"
#include "kvm/processor_state.hpp"
#include "kvm/ticks.hpp"
#include "system/failure.hpp"

#include <twofold/abi/hypercall.hpp>

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace twofold::vmm::kvm {

namespace {

/// Makes KVM_RUN return. Its handler does nothing.
int leaving_signal() { return SIGRTMIN; }

void install_leaving_signal() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(leaving_signal(), &action, nullptr);
}

} // namespace

ProcessorThread::ProcessorThread(Processor& processor, GuestRam& ram, GuestServices const& services,
                                 Board& board, unsigned number)
    : processor_(processor), ram_(ram), services_(services), hypercalls_(processor, ram, services),
      board_(board), number_(number) {
    install_leaving_signal();
}

ProcessorThread::~ProcessorThread() {
    if (!thread_.joinable()) return;
    if (!ended_) request_stop({"time_limit", 1, "the run was ended"});
    join();
}

void ProcessorThread::join() {
    if (thread_.joinable()) thread_.join();
}

void ProcessorThread::start(std::function<void()> before, std::function<bool(Stop const&)> after) {
    thread_ = std::thread{[this, before = std::move(before), after = std::move(after)] {
        try {
            std::optional<RestTimer> looks;
            if (rest_ != nullptr) looks.emplace(leaving_signal());
            before();
            bool again = false;
            do {
                ended_ = false;
                auto const stop = run();
                ended_ = true;
                again = after(stop);
            } while (again);
        } catch (std::exception const& failure) {
            (void)after({"unknown_exit", 1, failure.what()});
        }
    }};
}

void ProcessorThread::request_stop(Stop stop) {
    {
        std::lock_guard const lock{mutex_};
        if (!requested_) requested_ = std::move(stop);
    }
    if (gate_ != nullptr) gate_->abandon();
    kick();
}

void ProcessorThread::kick() {
    // Both are needed: the signal for a guest that runs, the flag for one that is about to.
    __atomic_store_n(&processor_.shared().immediate_exit, 1, __ATOMIC_SEQ_CST);
    if (thread_.joinable()) pthread_kill(thread_.native_handle(), leaving_signal());
}

void ProcessorThread::forget_requests() {
    std::lock_guard const lock{mutex_};
    requested_.reset();
    __atomic_store_n(&processor_.shared().immediate_exit, 0, __ATOMIC_SEQ_CST);
}

std::optional<Stop> ProcessorThread::requested_stop() {
    std::lock_guard const lock{mutex_};
    return requested_;
}

std::map<std::string, std::uint64_t> ProcessorThread::exits() const {
    std::map<std::string, std::uint64_t> named;
    for (std::uint32_t reason = 0; reason < exits_.size(); ++reason)
        if (exits_[reason] > 0) named[std::string{exit_name(reason)}] += exits_[reason];
    return named;
}

std::uint64_t ProcessorThread::ticks() const {
    std::lock_guard const lock{mutex_};
    return ticks_ + (entered_ ? read_ticks() - *entered_ : 0);
}

void ProcessorThread::begin_ticks() {
    std::lock_guard const lock{mutex_};
    entered_ = read_ticks();
}

void ProcessorThread::end_ticks() {
    std::lock_guard const lock{mutex_};
    ticks_ += read_ticks() - *entered_;
    entered_.reset();
}

Stop ProcessorThread::run() {
    begin_ticks();
    std::optional<Stop> stop;
    std::uint64_t made = 0;
    if (gate_ != nullptr) {
        gate_->wait_for_debugger(number_);
        stop = requested_stop();
    }
    while (!stop) {
        if (freeze_after_ && made >= *freeze_after_) {
            complete_exit(processor_);
            stop = Stop{"frozen", 0, ""};
            break;
        }
        int const error_number = processor_.enter();
        if (error_number == 0) ++made;
        stop = error_number == 0 ? on_exit() : on_return(error_number);
        if (!stop) stop = requested_stop();
    }
    end_ticks();
    if (gate_ != nullptr) tell_debugger(*stop);
    return *stop;
}

void ProcessorThread::tell_debugger(Stop const& stop) {
    bool const by_itself = stop.reason == "exit" || stop.reason == "halt";
    if (!by_itself) gate_->stop({DebugStop::Reason::fault, number_});
    gate_->end(number_, stop.code);
}

std::optional<Stop> ProcessorThread::on_return(int error_number) {
    if (error_number == EINTR && gate_ != nullptr) {
        // A kick comes after what it is about: forgotten first, none is lost.
        __atomic_store_n(&processor_.shared().immediate_exit, 0, __ATOMIC_SEQ_CST);
        gate_->stand_if_told(number_);
    }
    if (error_number == EINTR && rest_ != nullptr && rest_->look_at(number_, processor_))
        return Stop{"halt", 0,
                    "HLT with interrupts off: nothing is left that could wake the guest"};
    return stop_of_failed_entry(error_number);
}

std::optional<Stop> ProcessorThread::on_exit() {
    auto const& run = processor_.shared();
    ++exits_[std::min<std::size_t>(run.exit_reason, exits_.size() - 1)];
    switch (run.exit_reason) {
    case KVM_EXIT_IO: return on_port();
    case KVM_EXIT_MMIO: return on_memory();
    case KVM_EXIT_DEBUG:
        if (gate_ != nullptr)
            gate_->stop(
                {.reason = DebugStop::Reason::trap, .processor = number_, .exit = run.debug.arch});
        return std::nullopt;
    case KVM_EXIT_INTERNAL_ERROR:
        return Stop{"unknown_exit", 1,
                    internal_error_text(processor_, ram_, services_.paging_of_host())};
    case KVM_EXIT_FAIL_ENTRY: return on_failed_entry();
    default: return stop_of_exit(run);
    }
}

std::optional<Stop> ProcessorThread::on_failed_entry() {
    auto stop = stop_of_exit(processor_.shared());
    if (stop) stop->message += "; " + checked_state_text(processor_);
    return stop;
}

std::optional<Stop> ProcessorThread::on_port() {
    auto const& io = processor_.shared().io;
    PortAccess const access{.in = io.direction == KVM_EXIT_IO_IN,
                            .port = io.port,
                            .size = io.size,
                            .count = io.count,
                            .data = processor_.shared_bytes() + io.data_offset};
    bool const hypercall =
        !access.in && access.port == abi::hypercall_port && access.size == sizeof(std::uint32_t);
    return hypercall ? hypercalls_.answer() : board_.answer(access);
}

/// Slots hold all of the guest's memory: what KVM takes for a device lies outside.
std::optional<Stop> ProcessorThread::on_memory() {
    auto& mmio = processor_.shared().mmio;
    return board_.answer(MemoryAccess{.read = mmio.is_write == 0,
                                      .gpa = Gpa{mmio.phys_addr},
                                      .size = static_cast<std::uint8_t>(mmio.len),
                                      .data = reinterpret_cast<std::byte*>(mmio.data)});
}

} // namespace twofold::vmm::kvm
