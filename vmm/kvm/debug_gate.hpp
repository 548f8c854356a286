// Where the threads of a debugged guest's processors stand still, and the debugger's thread lets
// them go on.
#pragma once

#include "debug/debug_target.hpp"
#include "kvm/kvm_api.hpp"
#include "system/file_descriptor.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

namespace twofold::vmm::kvm {

/// What a processor came to.
struct DebugEvent {
    DebugStop::Reason reason;
    unsigned processor;
    std::uint8_t exit_status = 0;
    /// Of a trap: KVM_EXIT_DEBUG's.
    kvm_debug_exit_arch exit{};
};

/// All of the processors stand still, or those run that were let go: the first that comes to
/// something brings the others to a stand, and then the debugger is told.
class DebugGate {
  public:
    /// `kick` makes a processor that runs leave the guest, or come back from it at once.
    DebugGate(std::size_t processors, std::function<void(std::size_t)> kick);

    // For the processors' threads.

    /// Stands still until it is let go. The first time nobody is told: a debugger that connects
    /// knows that its target stands.
    void wait_for_debugger(std::size_t processor);
    /// Tells what the processor came to, and stands still until then.
    void stop(DebugEvent const& event);
    /// After a kick: stands still if the guest is to.
    void stand_if_told(std::size_t processor);
    /// Tells that the guest has ended, and stands still no more. The first of several counts.
    void end(unsigned processor, std::uint8_t exit_status);

    // For the debugger's thread.

    /// Lets all go that are not to stay.
    void open(std::span<ResumeKind const> kinds);
    void interrupt();
    /// Can be read when all stand still again, or after end().
    [[nodiscard]] int descriptor() const { return told_.get(); }
    /// What brought the stand, the first before the others.
    [[nodiscard]] std::vector<DebugEvent> take_events();
    /// Makes the descriptor readable once more.
    void tell();

    /// For any thread: nobody waits here any more.
    void abandon();

  private:
    void bring_to_a_stand();
    void stand(std::unique_lock<std::mutex>& lock, std::size_t processor);

    std::function<void(std::size_t)> kick_;
    std::mutex mutex_;
    std::condition_variable changed_;
    /// Of each processor: it runs, or is about to.
    std::vector<bool> let_go_;
    std::vector<DebugEvent> events_;
    bool told_to_stand_ = false;
    bool ended_ = false;
    bool abandoned_ = false;
    FileDescriptor told_;
};

} // namespace twofold::vmm::kvm
