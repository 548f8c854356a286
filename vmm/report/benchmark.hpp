// Figures beside what they are measured against.
#pragma once

#include "report/style.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace twofold::vmm {

/// A figure and what it is measured against, all in `unit`. What is not known is left empty.
struct BenchmarkResult {
    std::string name;
    std::string unit;
    std::optional<double> value;
    /// What the same thing costs at the least.
    std::optional<double> floor;
    /// What Linux KVM takes for it on the same machine.
    std::optional<double> peer;
    /// What must not be exceeded.
    std::optional<double> goal;
    /// How it was measured.
    std::string source;
    /// What is in it, for people.
    std::string note;

    /// False when there is a goal that the value misses, or no value for it.
    [[nodiscard]] bool reached() const { return !goal || (value && *value <= *goal); }
};

std::string benchmark_text(std::span<BenchmarkResult const> results, Style const& style);

/// {"results":[{name, unit, value, floor, peer, goal, source}]}, null for what is not known.
nlohmann::ordered_json benchmark_json(std::span<BenchmarkResult const> results);

} // namespace twofold::vmm
