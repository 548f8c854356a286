// Finds out that a guest with interrupt controllers has come to rest for good. The kernel keeps a
// processor that has executed HLT, and does not say when nothing can wake it any more.
#pragma once

#include "kvm/machine.hpp"

#include <atomic>
#include <cstddef>
#include <ctime>
#include <deque>

namespace twofold::vmm::kvm {

/// One for all processors of a guest.
class RestWatch {
  public:
    explicit RestWatch(std::size_t processors) : rounds_(processors) {}

    /// To be called by the thread of a processor, each time that it left the guest. True once all
    /// processors have been seen at rest, several times each.
    bool look_at(std::size_t number, Processor const& processor);

  private:
    std::deque<std::atomic<unsigned>> rounds_;
};

/// Makes the calling thread's processor leave the guest several times a second, by `signal`.
class RestTimer {
  public:
    /// Throws Failure.
    explicit RestTimer(int signal);
    ~RestTimer();
    RestTimer(RestTimer const&) = delete;
    RestTimer& operator=(RestTimer const&) = delete;

  private:
    timer_t timer_{};
};

} // namespace twofold::vmm::kvm
