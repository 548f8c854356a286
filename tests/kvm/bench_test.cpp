// The benchmarks that need KVM, run small: their rows are there, and what is counted is exact. How
// long anything took is not looked at.
#include "kvm/userfault.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/without_kvm.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <map>

namespace bench_test {

using namespace twofold::test;
using nlohmann::json;

namespace {

/// The results of `twofold bench WORDS --json -`, by their names.
std::map<std::string, json> results_of(char const* command, std::vector<std::string> words) {
    words.insert(words.begin(), {command, "bench"});
    words.insert(words.end(), {"--json", "-"});
    auto const result = run_command({.words = std::move(words)});
    INFO(result.err);
    REQUIRE(result.status == 0);
    std::map<std::string, json> results;
    auto const document = json::parse(result.out);
    for (auto const& one : document["results"])
        CHECK(results.emplace(one["name"], one).second);
    return results;
}

/// By which part of the second.
double differ(double first, double second) { return std::abs(first - second) / second; }

bool says(json const& one, char const* text) {
    return one["source"].get<std::string>().find(text) != std::string::npos;
}

} // namespace

TEST_CASE("bench lazy has each way by which memory comes in, beside its floor, of so many turns") {
    if (without_kvm()) return;
    auto const results = results_of(TWOFOLD_COMMAND, {"lazy", "--turns", "3"});
    std::map<std::string, double> goals{
        {"lazy_anonymous", 1.05}, {"lazy_populated", 1.05}, {"lazy_uffd16", 1.2}};
    CHECK(results.size() == goals.size());
    if (!twofold::vmm::kvm::FaultHandler::open_userfault()) {
        CHECK(results.at("lazy_uffd16")["value"].is_null());
        CHECK(says(results.at("lazy_uffd16"), "not measured: "));
        goals.erase("lazy_uffd16");
    }
    for (auto const& [name, most] : goals) {
        CAPTURE(name);
        auto const& one = results.at(name);
        CHECK(one["unit"] == "us");
        CHECK(one["value"] > 0);
        CHECK(one["floor"] > 0);
        CHECK(differ(one["goal"], most * one["floor"].get<double>()) < 1e-9);
        CHECK(says(one, "medians of 3 turns"));
    }
}

} // namespace bench_test
