#include "kvm/debug_gate.hpp"

#include "system/failure.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

DebugGate::DebugGate() : told_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!told_.open()) throw SystemFailure{"can't make an event for the debugger", errno};
}

void DebugGate::wait_for_debugger() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return open_ || abandoned_; });
    open_ = false;
}

void DebugGate::tell(DebugStop reason) {
    std::lock_guard const lock{mutex_};
    reason_ = reason;
    interrupted_ = false;
    (void)eventfd_write(told_.get(), 1);
}

void DebugGate::stop(DebugStop reason) {
    tell(reason);
    wait_for_debugger();
}

void DebugGate::end(std::uint8_t exit_status) { tell({DebugStop::Reason::ended, exit_status}); }

bool DebugGate::take_interrupt() {
    std::lock_guard const lock{mutex_};
    return std::exchange(interrupted_, false);
}

void DebugGate::open() {
    std::lock_guard const lock{mutex_};
    open_ = true;
    changed_.notify_all();
}

void DebugGate::interrupt() {
    std::lock_guard const lock{mutex_};
    interrupted_ = true;
}

DebugStop DebugGate::take_stop() {
    eventfd_t count = 0;
    (void)eventfd_read(told_.get(), &count);
    std::lock_guard const lock{mutex_};
    return reason_;
}

void DebugGate::abandon() {
    std::lock_guard const lock{mutex_};
    abandoned_ = true;
    changed_.notify_all();
}

} // namespace twofold::vmm::kvm
