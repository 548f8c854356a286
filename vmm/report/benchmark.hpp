// Figures beside what they are measured against.
#pragma once

#include "report/style.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

/// Where a figure stands among others of its kind: `figure` with `at` of what `by` names.
struct Growth {
    std::string figure;
    std::string by;
    std::uint64_t at;
};

/// A matrix of figures of one kind: its title, and what its rows and columns are.
struct Matrix {
    std::string_view title;
    std::string_view rows;
    std::string_view columns;
};

/// Where a figure stands in a matrix.
struct MatrixCell {
    Matrix matrix;
    std::string row;
    std::string column;
};

/// A figure and what it is measured against, all in `unit`. What is not known is left empty.
struct BenchmarkResult {
    std::string name;
    std::string unit;
    std::optional<double> value;
    /// What the same thing costs at the least.
    std::optional<double> floor;
    /// What Linux KVM takes for it on the same machine.
    std::optional<double> peer;
    /// What must not be exceeded, or with `exact` what it must be.
    std::optional<double> goal;
    /// How it was measured.
    std::string source;
    /// What is in it, for people.
    std::string note;
    /// The goal is a prediction: fewer is as wrong as more.
    bool exact = false;
    /// It stands in a table of its kind, beside what it grows with.
    std::optional<Growth> growth = std::nullopt;
    /// It is one of a matrix.
    std::optional<MatrixCell> cell = std::nullopt;

    /// False when there is a goal that the value misses, or no value for it.
    [[nodiscard]] bool reached() const {
        if (!goal) return true;
        return value && (exact ? *value == *goal : *value <= *goal);
    }
};

/// A table of the figures, with a column of KVM's where there are any, and one for each thing that
/// some of them grow with.
std::string benchmark_text(std::span<BenchmarkResult const> results, Style const& style);

/// {"results":[{name, unit, value, floor, peer, goal, exact, source}]}, null for what is not known;
/// growth:{figure, by, at} where there is such a thing.
nlohmann::ordered_json benchmark_json(std::span<BenchmarkResult const> results);

} // namespace twofold::vmm
