// Where a debugged processor's thread stands still, and the debugger's thread lets it go on.
#pragma once

#include "debug/debug_target.hpp"
#include "system/file_descriptor.hpp"

#include <condition_variable>
#include <mutex>

namespace twofold::vmm::kvm {

class DebugGate {
  public:
    DebugGate();

    // For the processor's thread.

    /// Stands still until open() or abandon(). The first time nobody is told: a debugger that
    /// connects knows that its target stands.
    void wait_for_debugger();
    /// Tells why the processor has stopped, and stands still until then.
    void stop(DebugStop reason);
    /// Tells that the guest has ended, and stands still no more.
    void end(std::uint8_t exit_status);
    /// Whether interrupt() was called since this was last asked.
    [[nodiscard]] bool take_interrupt();

    // For the debugger's thread.

    void open();
    void interrupt();
    /// Can be read after stop() or end().
    [[nodiscard]] int descriptor() const { return told_.get(); }
    [[nodiscard]] DebugStop take_stop();

    /// For any thread: nobody waits here any more.
    void abandon();

  private:
    void tell(DebugStop reason);

    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
    bool abandoned_ = false;
    bool interrupted_ = false;
    DebugStop reason_{DebugStop::Reason::trap};
    FileDescriptor told_;
};

} // namespace twofold::vmm::kvm
