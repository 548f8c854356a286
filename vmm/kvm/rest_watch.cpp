#include "kvm/rest_watch.hpp"

#include "kvm/explain.hpp"
#include "system/failure.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace twofold::vmm::kvm {

namespace {

/// Between two looks a processor that was at rest may have been woken by one that is so now.
constexpr unsigned rounds_for_good = 3;
constexpr long nanoseconds_between = 50'000'000;

/// Waits to be woken, or halts with interrupts off: only another processor can change that.
bool rests(Processor const& processor) {
    kvm_mp_state state{};
    TWOFOLD_KVM_CALL(processor.get(), KVM_GET_MP_STATE, &state);
    if (state.mp_state == KVM_MP_STATE_UNINITIALIZED ||
        state.mp_state == KVM_MP_STATE_INIT_RECEIVED)
        return true;
    constexpr std::uint64_t interrupt_flag = 1 << 9;
    return state.mp_state == KVM_MP_STATE_HALTED &&
           (processor.registers().rflags & interrupt_flag) == 0;
}

} // namespace

bool RestWatch::look_at(std::size_t number, Processor const& processor) {
    rounds_[number] = rests(processor) ? rounds_[number] + 1 : 0;
    return std::ranges::all_of(rounds_,
                               [](auto const& rounds) { return rounds >= rounds_for_good; });
}

RestTimer::RestTimer(int signal) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    itimerspec const each{.it_interval = {.tv_sec = 0, .tv_nsec = nanoseconds_between},
                          .it_value = {.tv_sec = 0, .tv_nsec = nanoseconds_between}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0 ||
        timer_settime(timer_, 0, &each, nullptr) != 0)
        throw SystemFailure{"can't make a timer for a processor", errno};
}

RestTimer::~RestTimer() { timer_delete(timer_); }

} // namespace twofold::vmm::kvm
