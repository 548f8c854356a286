// The steps of the kernel scenario, for who wants to know beforehand what it will do.
#pragma once

#include <twofold/memory/scenario.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace twofold::guest {

inline constexpr auto scenario_weights = std::to_array<StepWeight>({
    {ScenarioStep::read, 30},
    {ScenarioStep::verify, 10},
    {ScenarioStep::store, 30},
    {ScenarioStep::fill, 15},
    {ScenarioStep::release, 8},
    {ScenarioStep::log, 5},
    {ScenarioStep::clone, 2},
});

constexpr std::string_view name_of(ScenarioStep step) {
    switch (step) {
        using enum ScenarioStep;
    case read: return "read";
    case verify: return "verify";
    case store: return "store";
    case fill: return "fill";
    case release: return "release";
    case log: return "log";
    case clone: return "clone";
    default: return "";
    }
}

} // namespace twofold::guest
