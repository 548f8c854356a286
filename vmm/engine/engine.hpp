// What runs a launch plan. Bochs and QEMU boot the hypervisor on a machine that they emulate.
#pragma once

#include "image/launch_plan.hpp"
#include "system/event_loop.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twofold::vmm {

/// Where a run's output goes, as it comes. All are called from the event loop.
struct Sinks {
    /// Bytes of the guest's console, in pieces of any size.
    std::function<void(std::string_view bytes)> console;
    /// One line of the report without its newline. False when the report has come to its end: the
    /// engine then stops.
    std::function<bool(std::string_view line)> report_line;
    /// One line of what the engine itself prints; Bochs prints its memory trace here. May be empty.
    std::function<void(std::string_view line)> engine_line = {};
};

/// How a run ended, apart from what its report says.
struct Ending {
    enum class Kind {
        /// The report came to its end, or the engine ended by itself.
        finished,
        /// It was still running long after the guests' own time limits.
        wall_clock_limit,
    };
    Kind kind = Kind::finished;
    /// The engine's exit status, or 128 + the signal that killed it. Says little: see the report.
    int exit_status = 0;
    /// The last lines of what the engine said of itself; empty when it kept silent.
    std::string log_tail;
    /// From the start of the engine to its end.
    std::chrono::duration<double> wall{};
};

/// A run under way. Its end, in any way, ends everything that belongs to it.
class Run {
  public:
    virtual ~Run() = default;
    [[nodiscard]] virtual bool finished() const = 0;
    /// When it has to be looked after although nothing happened, if ever.
    [[nodiscard]] virtual std::optional<Clock::time_point> deadline() const = 0;
    /// Looks at the clock.
    virtual void tick() = 0;
    /// Only when finished.
    [[nodiscard]] virtual Ending ending() = 0;
};

class Engine {
  public:
    virtual ~Engine() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Bytes of memory that the machine for this plan will have.
    [[nodiscard]] virtual std::uint64_t machine_memory(LaunchPlan const& plan) const = 0;
    /// Throws Failure, before anything has started, for what can't be run here.
    [[nodiscard]] virtual std::unique_ptr<Run> start(LaunchPlan const& plan, Sinks sinks,
                                                     EventLoop& loop) = 0;
};

/// Waits until all of `runs` have finished, calling `on_wait` (if there is one) about ten times a
/// second.
void finish_all(EventLoop& loop, std::span<Run* const> runs,
                std::function<void()> const& on_wait = {});

} // namespace twofold::vmm
