// The dirty log that a launch asks for (`--dirty-log`), from a guest's first instruction to its
// end: the records of abi/report.hpp.
#pragma once

#include "kvm/dirty_log.hpp"

#include <twofold/abi/hypercall.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm::kvm {

/// Its methods are for the thread that waits for events, but for note_release(). The guest runs on
/// while the log is collected.
class LaunchDirtyLog {
  public:
    using Clock = std::chrono::steady_clock;

    struct Wanted {
        /// What KVM has here, for the report; off: no log.
        abi::DirtyLogging means = abi::DirtyLogging::off;
        /// 0: only at the guest's end.
        std::chrono::milliseconds every{0};
    };
    struct Parts {
        Machine& machine;
        GuestRam& ram;
        std::uint64_t guest;
        std::function<void(std::string line)> report;
    };
    /// Starts the log of a guest that is about to run. Throws Failure.
    LaunchDirtyLog(Wanted const& wanted, Parts parts);

    /// When it is to be collected next, if it is before the guest's end.
    [[nodiscard]] std::optional<Clock::time_point> due() const { return due_; }
    /// Reports what was written since the last time, of a guest that has run for so many ticks.
    /// Throws Failure.
    void collect(std::uint64_t ticks_run);
    /// The same once more, of a guest that has come to its end after so many ticks, and all of it.
    void end(std::uint64_t ticks_run);
    void note_release(Gpa first, std::uint64_t pages) { log_->note_release(first, pages); }

  private:
    void report_interval(std::uint64_t ticks_run);

    Wanted wanted_;
    Parts parts_;
    std::uint64_t ticks_ = 0;
    std::uint64_t intervals_ = 0;
    std::optional<Clock::time_point> due_;
    std::vector<std::uint64_t> all_;
    /// Nothing after the guest's end.
    std::optional<DirtyLog> log_;
};

} // namespace twofold::vmm::kvm
