// What leaving the guest costs, as exact counts: in Bochs a tick is an instruction, and two runs
// are the same.
#include "catch.hpp"
#include "support/command.hpp"
#include "support/launch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace exits_test {

namespace {

using namespace twofold;
using namespace twofold::test;
using Json = nlohmann::json;

vmm::LaunchPlan exits_plan() {
    auto guest = guest_plan({"exits"});
    guest.memory_bytes = std::uint64_t{64} << 20;
    return {.guests = {guest}};
}

std::map<std::string, std::uint64_t> figures_of(Launched const& launched) {
    std::map<std::string, std::uint64_t> figures;
    for (auto const& figure : launched.guest(0).figures)
        figures[figure.name] = figure.value;
    return figures;
}

} // namespace

TEST_CASE(
    "an exit and a first touch take no more ticks than they may, and every run takes as many") {
    // The most that each may take; the least is a monitor that does nothing else.
    struct Bound {
        char const* name;
        std::uint64_t least;
        std::uint64_t most;
    };
    constexpr Bound bounds[] = {{"cpuid_exit", 51, 100},
                                {"vmcall_exit", 40, 100},
                                {"pio_exit", 40, 200},
                                {"first_write_4k", 53 + 512, 800},
                                {"first_read_4k", 53 + 512, 4684}};
    auto const first = launch(exits_plan());
    auto const figures = figures_of(first);
    CHECK(figures.size() == std::size(bounds));
    for (auto const& [name, least, most] : bounds) {
        INFO(name);
        REQUIRE(figures.contains(name));
        CHECK(figures.at(name) >= least);
        CHECK(figures.at(name) <= most);
    }
    auto const& exits = first.activity(0).exits;
    CHECK(exits.at("vmcall") == 64);
    CHECK(exits.at("cpuid") >= 64);
    CHECK(exits.at("port") >= 64);
    CHECK(exits.at("ept_violation") == first.activity(0).violations->total());
    CHECK(first.activity(0).violations->read == 64);

    CHECK(figures_of(launch(exits_plan())) == figures);
}

TEST_CASE("natively nothing is left, and a first touch costs what any touch does") {
    auto plan = exits_plan();
    plan.native = true;
    auto const figures = figures_of(launch(plan));
    CHECK(figures.size() == 4);
    CHECK_FALSE(figures.contains("vmcall_exit"));
    for (auto const& [name, ticks] : figures) {
        INFO(name);
        CHECK(ticks < 10);
    }
}

TEST_CASE("bench exits prints each figure beside floor and goal, and where the boot's ticks go") {
    auto const result =
        run_command({.words = {TWOFOLD_COMMAND, "bench", "exits", "--no-kvm", "--json", "-"}});
    CHECK(result.status == 0);
    auto const json = Json::parse(result.out);
    std::map<std::string, Json> results;
    for (auto const& one : json["results"])
        results[one["name"]] = one;
    for (auto const* const name : {"cpuid_exit", "vmcall_exit", "pio_exit", "first_write_4k"}) {
        INFO(name);
        REQUIRE(results.contains(name));
        CHECK(results[name]["unit"] == "ticks");
        CHECK(results[name]["value"] <= results[name]["goal"]);
        CHECK(results[name]["peer"].is_null());
        CHECK_FALSE(results[name]["source"] == "");
    }
    std::uint64_t parts = 0;
    for (auto const& [name, one] : results) {
        if (name.starts_with("boot_") && name != "boot_to_guest")
            parts += one["value"].get<std::uint64_t>();
    }
    CHECK(parts == results["boot_to_guest"]["value"].get<std::uint64_t>());
    CHECK(results["run_hello"]["unit"] == "ms");
    CHECK(results["run_hello"]["goal"] == 1000);
}

} // namespace exits_test
