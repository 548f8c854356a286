// What we do and the same system calls made bare, measured in turns in one run.
#pragma once

#include "cli/context.hpp"
#include "cli/progress.hpp"
#include "report/benchmark.hpp"

#include <functional>
#include <string>
#include <vector>

namespace twofold::vmm {

/// Seconds of each turn.
struct Turns {
    std::vector<double> ours;
    std::vector<double> floor;
};

/// Measures one thing after another, shows on a terminal what it is at, and lets itself be
/// interrupted between turns.
class TurnTaker {
  public:
    explicit TurnTaker(Context& context) : context_(context) {}

    /// Takes turns until there were enough of them, or it has taken some seconds. Each function
    /// does the thing once and returns the seconds that count.
    Turns take(std::string const& what, std::function<double()> const& ours,
               std::function<double()> const& floor);

  private:
    Context& context_;
};

double median_of(std::vector<double> values);

/// Seconds that `action` takes.
template <class Action>
double seconds_of(Action&& action);

/// Both medians in microseconds; the goal is `most` times the floor. The note begins with the
/// ratio, the source names the host's kind.
BenchmarkResult against_floor(std::string name, Turns const& turns, double most, std::string note);

} // namespace twofold::vmm

#include <chrono>

template <class Action>
double twofold::vmm::seconds_of(Action&& action) {
    auto const begin = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
