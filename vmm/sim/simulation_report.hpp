// What simulations found, as a table for people and as JSON.
#pragma once

#include "report/style.hpp"
#include "sim/configuration.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>

namespace twofold::vmm {

/// Cycles of a reference that is found in the first, second or third data cache, or in memory.
using Latencies = std::array<double, data_cache_levels + 1>;

struct SimulationReport {
    std::span<Configuration const> configurations;
    std::span<SimulationResult const> results;
    /// With data caches only.
    std::optional<Latencies> latencies;
};

std::string simulation_text(SimulationReport const& report, Style const& style);
nlohmann::ordered_json simulation_json(SimulationReport const& report);

/// Cycles of all references, by where they were found.
double reference_cycles(SimulationResult const& result, Latencies const& latencies);

} // namespace twofold::vmm
