// What we do and the same system calls made bare, measured in turns in one run.
#pragma once

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

/// Takes turns until there were enough of them, or it has taken some seconds. Each function does
/// the thing once and returns the seconds that count.
Turns take_turns(std::function<double()> const& ours, std::function<double()> const& floor);

double median_of(std::vector<double> values);

/// Seconds that `action` takes.
template <class Action>
double seconds_of(Action&& action);

/// Both medians in microseconds; the goal is `most` times the floor. The source names the host's
/// kind and the ratio.
BenchmarkResult against_floor(std::string name, Turns const& turns, double most, std::string note);

} // namespace twofold::vmm

#include <chrono>

template <class Action>
double twofold::vmm::seconds_of(Action&& action) {
    auto const begin = std::chrono::steady_clock::now();
    action();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
