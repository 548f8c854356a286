// The threads of one guest's processors: the first that comes to an end brings all of them to it.
#pragma once

#include "kvm/processor_thread.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <vector>

namespace twofold::vmm::kvm {

class ProcessorGroup {
  public:
    /// The first processor is the one that the guest starts with; the others wait until it wakes
    /// them. All must outlive the group.
    ProcessorGroup(std::deque<Processor>& processors, GuestRam& ram, GuestServices const& services,
                   Board& board);
    /// Makes the guest leave, and waits for all threads.
    ~ProcessorGroup();
    ProcessorGroup(ProcessorGroup const&) = delete;
    ProcessorGroup& operator=(ProcessorGroup const&) = delete;

    /// Asked at each end of the guest whether it is to run again; the others wait meanwhile.
    /// `for_good`: it won't, whatever the answer. Must not throw.
    using After = std::function<bool(Stop const&, bool for_good)>;
    /// Runs the guest to its end. Each thread calls `before` first; the last calls `after`.
    void start(std::function<void()> const& before, After after);
    /// Makes the guest leave, with this end. The first of several counts.
    void request_stop(Stop const& stop);
    /// Ends the guest with the reason "frozen" once its first processor has made so many exits.
    void freeze_after(std::uint64_t exits) { threads_.front()->freeze_after(exits); }

    /// Ends the guest once none of its processors can be woken any more. Before start(); for guests
    /// with interrupt controllers.
    void end_at_rest();
    /// See ProcessorThread.
    void debug(DebugGate& gate);
    void kick(std::size_t number) { threads_[number]->kick(); }

    /// Of the processor that has run longest.
    [[nodiscard]] std::uint64_t ticks() const;

    // To be called from `after` or later.

    [[nodiscard]] std::map<std::string, std::uint64_t> exits() const;
    /// The number of the processor that brought the end.
    [[nodiscard]] std::size_t ended_by() const { return ended_by_; }

  private:
    bool finish(std::size_t number, Stop stop);
    bool ask_after(std::unique_lock<std::mutex>& lock);
    void begin_again();

    After after_;
    std::mutex mutex_;
    std::condition_variable decided_;
    /// How often all of the processors have come to an end, and whether they run again.
    std::uint64_t ends_ = 0;
    bool again_ = false;
    /// From outside: the guest does not run again.
    std::optional<Stop> told_;
    std::optional<Stop> stop_;
    std::size_t ended_by_ = 0;
    std::size_t finished_ = 0;
    std::optional<RestWatch> rest_;
    std::vector<std::unique_ptr<ProcessorThread>> threads_;
};

} // namespace twofold::vmm::kvm
