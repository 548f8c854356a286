#include "system/event_loop.hpp"

#include "system/failure.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace twofold::vmm {

namespace {

/// Rounded up, so that the deadline has come when the wait is over.
int milliseconds_until(Clock::time_point until) {
    using std::chrono::milliseconds;
    auto const left = std::chrono::ceil<milliseconds>(until - Clock::now());
    constexpr milliseconds longest{60'000};
    return static_cast<int>(std::clamp(left, milliseconds{0}, longest).count());
}

} // namespace

void EventLoop::watch(int descriptor, std::function<void()> action) {
    actions_.insert_or_assign(descriptor, std::move(action));
}

void EventLoop::forget(int descriptor) { actions_.erase(descriptor); }

void EventLoop::wait(Clock::time_point until) {
    std::vector<pollfd> waited{{signals_.descriptor(), POLLIN, 0}};
    for (auto const& [descriptor, action] : actions_)
        waited.push_back({descriptor, POLLIN, 0});

    int const ready = poll(waited.data(), waited.size(), milliseconds_until(until));
    if (ready < 0 && errno != EINTR) throw SystemFailure{"can't wait for events", errno};
    signals_.check();
    if (ready <= 0) return;
    for (auto const& one : waited) {
        if (one.revents == 0) continue;
        auto const found = actions_.find(one.fd);
        if (found == actions_.end()) continue;
        auto const action = found->second; // a copy: the action may forget itself
        action();
    }
}

} // namespace twofold::vmm
