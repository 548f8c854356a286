// What the confined threads of guests may not do themselves, done for them by the thread that waits
// for events.
#pragma once

#include "system/file_descriptor.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace twofold::vmm::kvm {

class Errands {
  public:
    /// Throws SystemFailure.
    Errands();

    /// Readable when there is something to do.
    [[nodiscard]] int descriptor() const { return waiting_.get(); }

    /// Has it done and waits for it. False when it was not, for nobody does any more.
    bool run(std::function<void()> errand);

    /// Does what there is. `run` returns when its errand has.
    void do_all();
    /// From here on nothing is done, and nobody waits.
    void close();

  private:
    struct Errand {
        std::function<void()> action;
        bool done = false;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Errand*> errands_;
    bool closed_ = false;
    FileDescriptor waiting_;
};

} // namespace twofold::vmm::kvm
