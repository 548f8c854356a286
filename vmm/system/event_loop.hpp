// Waits for descriptors, deadlines and signals at once.
#pragma once

#include "system/signals.hpp"

#include <chrono>
#include <functional>
#include <map>

namespace twofold::vmm {

using Clock = std::chrono::steady_clock;

class EventLoop {
  public:
    /// `signals` must outlive the loop.
    explicit EventLoop(Signals const& signals) : signals_(signals) {}

    [[nodiscard]] Signals const& signals() const { return signals_; }

    /// Calls `action` each time that `descriptor` can be read or has come to its end, until it is
    /// forgotten. The action may watch and forget.
    void watch(int descriptor, std::function<void()> action);
    void forget(int descriptor);

    /// Waits until something happens or `until` has come, and calls the actions that are due.
    /// Throws Interrupted when a signal arrives.
    void wait(Clock::time_point until);

  private:
    Signals const& signals_;
    std::map<int, std::function<void()>> actions_;
};

} // namespace twofold::vmm
