// The thread that runs a virtual processor, and the exits that it answers.
#pragma once

#include "kvm/board.hpp"
#include "kvm/debug_gate.hpp"
#include "kvm/hypercalls.hpp"
#include "kvm/machine.hpp"
#include "kvm/rest_watch.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace twofold::vmm::kvm {

class ProcessorThread {
  public:
    /// All must outlive it. `number`: which of the guest's processors it is.
    ProcessorThread(Processor& processor, GuestRam& ram, GuestServices const& services,
                    Board& board, unsigned number = 0);
    /// Makes the guest leave, and waits for the thread.
    ~ProcessorThread();
    ProcessorThread(ProcessorThread const&) = delete;
    ProcessorThread& operator=(ProcessorThread const&) = delete;

    /// Runs the guest to its end on a thread that calls `before` first and `after` last. While
    /// that is true, the guest runs again.
    void start(std::function<void()> before, std::function<bool(Stop const&)> after);
    /// Forgets what was requested, for the next run of the guest. From `after`, or while it waits.
    void forget_requests();
    /// Makes the guest leave, with this end. The first of several counts.
    void request_stop(Stop stop);
    /// Waits for the thread, if it was started.
    void join();

    /// Ends the guest with the reason "frozen" once it has made so many exits, each of them whole.
    void freeze_after(std::uint64_t exits) { freeze_after_ = exits; }

    /// Ends the guest once `watch` finds it at rest for good. For guests with interrupt
    /// controllers.
    void watch_rest(RestWatch& watch) { rest_ = &watch; }

    /// A debugger decides when the guest runs. Before start(); the gate must outlive the thread.
    void debug(DebugGate& gate) { gate_ = &gate; }
    /// Makes a guest that runs leave, to look at the gate.
    void kick();

    /// To be called from `after`.
    [[nodiscard]] std::map<std::string, std::uint64_t> exits() const;
    /// For how long it has run, from any thread; in all of its runs.
    [[nodiscard]] std::uint64_t ticks() const;

    /// Runs the guest on the calling thread, until it ends or is told to leave.
    Stop run();

  private:
    std::optional<Stop> on_exit();
    std::optional<Stop> on_return(int error_number);
    std::optional<Stop> on_failed_entry();
    std::optional<Stop> on_port();
    std::optional<Stop> on_memory();
    [[nodiscard]] std::optional<Stop> requested_stop();
    void begin_ticks();
    void end_ticks();
    void tell_debugger(Stop const& stop);

    Processor& processor_;
    GuestRam const& ram_;
    GuestServices const& services_;
    Hypercalls hypercalls_;
    Board& board_;
    std::array<std::uint64_t, 64> exits_{};
    std::optional<std::uint64_t> freeze_after_;
    RestWatch* rest_ = nullptr;
    DebugGate* gate_ = nullptr;
    unsigned number_;
    mutable std::mutex mutex_;
    /// Of the runs that are over.
    std::uint64_t ticks_ = 0;
    /// When the run began that is not.
    std::optional<std::uint64_t> entered_;
    std::optional<Stop> requested_;
    /// The guest is not entered any more.
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

} // namespace twofold::vmm::kvm
