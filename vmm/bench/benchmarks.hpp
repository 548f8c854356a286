// What `twofold bench` can measure: one row a benchmark.
#pragma once

#include "cli/context.hpp"
#include "report/benchmark.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace twofold::vmm {

struct Benchmark {
    /// As the command line has it.
    std::string_view name;
    /// What it measures and what its figures mean, in a few lines: for --help.
    std::string_view about;
    /// Throws Failure when something could not be measured.
    std::vector<BenchmarkResult> (*run)(Context& context);
    /// Some of its figures are curves or a matrix.
    bool has_charts = false;
    /// It is measured in turns with its floor.
    bool in_turns = false;
    /// It measures KVM as well, which can be left out.
    bool beside_kvm = false;
};

/// All of them, in the order in which help shows them.
std::span<Benchmark const> benchmarks();

} // namespace twofold::vmm
