// Shadow paging against nested paging: at which rate of page-table updates they cost the same.
#pragma once

#include "report/style.hpp"
#include "sim/configuration.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace twofold::vmm {

struct BreakEvenQuestion {
    /// What an exit to the hypervisor costs, and a reference of a walk.
    double exit_cycles;
    double reference_cycles;
    /// Page sizes, levels and placement.
    Configuration machine;
};

/// Both techniques with the guest re-mapping a page every so many accesses; 0: never.
struct BreakEvenRun {
    std::uint64_t remap_every;
    SimulationResult shadow;
    SimulationResult nested;
    /// Cycles an access: the walks' references, and the exits that re-mapping costs.
    double shadow_cycles;
    double nested_cycles;
};

struct BreakEven {
    BreakEvenQuestion question;
    /// References an access that shadow tables save.
    double saved_references;
    /// Exits of shadow paging for one re-mapped page, as the runs show it.
    double exits_per_update;
    /// Page-table updates an access at which the costs are equal:
    /// saved references x their cost / (exits per update x their cost).
    double updates_per_access;
    /// Without updates, at half that rate, and at twice that rate.
    std::vector<BreakEvenRun> runs;
};

using SimulateConfigurations =
    std::function<std::vector<SimulationResult>(std::span<Configuration const>)>;

/// Throws Failure where shadow tables save nothing, or the stream is too short for an update.
BreakEven find_break_even(BreakEvenQuestion const& question,
                          SimulateConfigurations const& simulate);
std::string break_even_text(BreakEven const& found, Style const& style);
nlohmann::ordered_json break_even_json(BreakEven const& found);

} // namespace twofold::vmm
