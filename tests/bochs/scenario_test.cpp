// Several guests and their clones that live without pattern over real EPT, in too little memory:
// each verifies all that it reads, and did exactly what its seed says.
#include "catch.hpp"
#include "guest/scenario/steps.hpp"
#include "support/guest_run.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace scenario_test {

using namespace twofold;
using namespace twofold::test;
using Json = nlohmann::json;

namespace {

constexpr std::uint64_t pages = 256;
constexpr std::uint64_t steps = 2000;
constexpr std::uint64_t most_clones = 2;
constexpr std::uint64_t depth = 2;

/// What a guest says at its end: each number by the word before it, pages given `back` among them.
using Said = std::map<std::string, std::uint64_t>;

/// By guest.
std::map<std::uint64_t, Said> read_console(std::string const& console) {
    std::map<std::uint64_t, Said> all;
    std::istringstream lines{console};
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        REQUIRE(line.ends_with(": all pages as written"));
        std::ranges::replace_if(
            line, [](char c) { return c == ',' || c == ';' || c == ':'; }, ' ');
        std::istringstream words{line.substr(line.find(']') + 1)};
        Said said;
        for (std::string word, before; words >> word; before = word)
            if (std::isdigit(word.front()) != 0) said[before] = std::stoull(word);
        all[said.at("guest")] = said;
    }
    return all;
}

/// What a guest must have done: what is drawn for its seed and number.
void check_steps(Said const& said, std::uint64_t seed) {
    std::uint64_t const generation = said.at("generation");
    Scenario scenario{guest::scenario_weights, pages, seed, said.at("guest")};
    std::map<ScenarioStep, std::uint64_t> drawn;
    for (std::uint64_t step = 0; step < steps >> generation; ++step)
        ++drawn[scenario.next().step];
    for (auto const& [step, times] : drawn)
        if (step != ScenarioStep::clone) CHECK(said.at(std::string{guest::name_of(step)}) == times);
    std::uint64_t const wished =
        generation < depth ? std::min(drawn[ScenarioStep::clone], most_clones) : 0;
    CHECK(said.at("clones") == wished);
    CHECK(said.at("refused") == 0);
    CHECK(said.at("logs") > 0);
}

std::uint64_t seed_of(Json const& run, std::size_t guest, std::vector<std::uint64_t> const& seeds) {
    while (run["guests"][guest]["start"].contains("cloned_from"))
        guest = run["guests"][guest]["start"]["cloned_from"];
    return seeds.at(guest);
}

/// Runs a guest for each seed at once, `how`.
Json run_scenario(std::vector<std::uint64_t> const& seeds, std::vector<std::string> how) {
    how.insert(how.begin(), "scenario");
    for (std::size_t i = 1; i < seeds.size(); ++i)
        how.insert(how.end(), {"--with", "scenario --seed " + std::to_string(seeds[i])});
    how.insert(how.end(), {"--", "--seed", std::to_string(seeds[0])});
    auto run = run_guests(how);
    INFO(run["console"].get<std::string>());
    REQUIRE(run["failure"].is_null());
    // Each makes two clones, and each of those two more.
    auto const& guests = run["guests"];
    REQUIRE(guests.size() == seeds.size() * (1 + 2 + 4));
    auto const said = read_console(run["console"]);
    REQUIRE(said.size() == guests.size());
    for (std::size_t guest = 0; guest < guests.size(); ++guest) {
        INFO(guests[guest].dump());
        auto const& stop = guests[guest]["stop"];
        CHECK(stop["reason"] == "exit");
        CHECK(stop["code"] == 0);
        check_steps(said.at(guest), seed_of(run, guest, seeds));
        CHECK(stop["reclaim"]["released"] == said.at(guest).at("back"));
    }
    CHECK(run["end"]["frames_in_use"] == 0);
    return run;
}

} // namespace

TEST_CASE("guests and clones that live by many seeds find all that they wrote, and did what is "
          "drawn for them") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed)
        (void)run_scenario({seed, seed + 100}, {});
}

TEST_CASE("a third of the memory that they want, and a swap disk: nobody loses a word") {
    // Three guests with six clones each want over 4,000 pages of 256; 768 frames are there.
    auto const run =
        run_scenario({3, 7, 8}, {"--memory", "8M", "--frames-limit", "3M", "--swap", "24M"});
    auto const& memory = run["memory"];
    CHECK(memory["frames"] == 768);
    CHECK(memory["swap"]["written"] == memory["reclaimed"]);
    CHECK(memory["swap"]["written"] > 20'000);
    CHECK(memory["swap"]["read"] > 15'000);
    CHECK(memory["swap"]["error"] == "");
}

TEST_CASE("without EPT accessed and dirty bits, and by large EPT pages, it is the same") {
    auto const run = run_scenario(
        {5, 6}, {"--memory", "8M", "--frames-limit", "2M", "--swap", "24M", "--ept-ad", "off"});
    CHECK(run["memory"]["swap"]["written"] > 5'000);
    (void)run_scenario({1, 2, 3, 4}, {"--memory", "8M", "--host-page", "2m"});
}

} // namespace scenario_test
