#include "catch.hpp"

#include <twofold/memory/scenario.hpp>

#include <array>
#include <map>
#include <vector>

namespace scenario_steps_test {

using namespace twofold;

namespace {

constexpr auto weights = std::to_array<StepWeight>(
    {{ScenarioStep::read, 1}, {ScenarioStep::clone, 0}, {ScenarioStep::store, 3}});

std::vector<std::uint64_t> choices(std::uint64_t seed, std::uint64_t guest) {
    Scenario scenario{weights, 7, seed, guest};
    std::vector<std::uint64_t> all(100);
    for (std::uint64_t& choice : all)
        choice = scenario.next().choice;
    return all;
}

} // namespace

TEST_CASE("steps come as often as their weights say, on all pages") {
    Scenario scenario{weights, 7, 1};
    std::map<ScenarioStep, int> steps;
    std::map<std::uint64_t, int> pages;
    for (int step = 0; step < 28'000; ++step) {
        auto const drawn = scenario.next();
        ++steps[drawn.step];
        ++pages[drawn.page];
    }
    CHECK(steps.size() == 2); // a weight of 0 is never
    CHECK(std::abs(steps[ScenarioStep::read] - 7'000) < 400);
    CHECK(std::abs(steps[ScenarioStep::store] - 21'000) < 400);
    CHECK(pages.size() == 7);
    for (auto const& [page, times] : pages)
        CHECK((page < 7 && std::abs(times - 4'000) < 400));
}

TEST_CASE("a seed and a guest decide about all steps, and others have others") {
    CHECK(choices(1, 0) == choices(1, 0));
    CHECK(choices(1, 0) != choices(1, 1));
    CHECK(choices(1, 0) != choices(2, 0));
}

} // namespace scenario_steps_test
