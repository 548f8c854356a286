#include "kvm/debug_gate.hpp"

#include "system/failure.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

DebugGate::DebugGate(std::size_t processors, std::function<void(std::size_t)> kick)
    : kick_(std::move(kick)), let_go_(processors), told_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!told_.open()) throw SystemFailure{"can't make an event for the debugger", errno};
}

void DebugGate::wait_for_debugger(std::size_t processor) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return let_go_[processor] || abandoned_; });
}

void DebugGate::bring_to_a_stand() {
    if (std::exchange(told_to_stand_, true)) return;
    for (std::size_t n = 0; n < let_go_.size(); ++n)
        if (let_go_[n]) kick_(n);
}

void DebugGate::stand(std::unique_lock<std::mutex>& lock, std::size_t processor) {
    let_go_[processor] = false;
    if (std::ranges::find(let_go_, true) == let_go_.end()) {
        told_to_stand_ = false;
        tell();
    }
    changed_.wait(lock, [&] { return let_go_[processor] || abandoned_; });
}

void DebugGate::stop(DebugEvent const& event) {
    std::unique_lock lock{mutex_};
    if (abandoned_) return;
    events_.push_back(event);
    let_go_[event.processor] = false;
    bring_to_a_stand();
    stand(lock, event.processor);
}

void DebugGate::stand_if_told(std::size_t processor) {
    std::unique_lock lock{mutex_};
    if (told_to_stand_ && !abandoned_) stand(lock, processor);
}

void DebugGate::end(unsigned processor, std::uint8_t exit_status) {
    std::lock_guard const lock{mutex_};
    if (std::exchange(ended_, true)) return;
    events_.assign(1, {DebugStop::Reason::ended, processor, exit_status});
    tell();
}

void DebugGate::open(std::span<ResumeKind const> kinds) {
    std::lock_guard const lock{mutex_};
    for (std::size_t n = 0; n < kinds.size(); ++n)
        if (kinds[n] != ResumeKind::stay) let_go_[n] = true;
    changed_.notify_all();
}

void DebugGate::interrupt() {
    std::lock_guard const lock{mutex_};
    auto const running = std::ranges::find(let_go_, true);
    if (running == let_go_.end() || told_to_stand_ || abandoned_) return;
    events_.push_back(
        {DebugStop::Reason::interrupted, static_cast<unsigned>(running - let_go_.begin())});
    bring_to_a_stand();
}

std::vector<DebugEvent> DebugGate::take_events() {
    eventfd_t count = 0;
    (void)eventfd_read(told_.get(), &count);
    std::lock_guard const lock{mutex_};
    return std::exchange(events_, {});
}

void DebugGate::tell() { (void)eventfd_write(told_.get(), 1); }

void DebugGate::abandon() {
    std::lock_guard const lock{mutex_};
    abandoned_ = true;
    changed_.notify_all();
}

} // namespace twofold::vmm::kvm
