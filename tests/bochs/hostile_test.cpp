// Nothing that a guest does stops the hypervisor, or touches the guest after it. Each machine here
// runs many hostile guests, and hello behind them.
#include "catch.hpp"
#include "support/boot_image.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace hostile_test {

namespace {

using namespace twofold;
using namespace twofold::test;
using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr std::uint64_t mebibyte = 1 << 20;

/// What a hostile guest does, and how it must end.
struct Behaviour {
    std::vector<std::string> arguments;
    std::string reason;
    unsigned code;
    std::vector<std::string> message = {};
    std::chrono::milliseconds time_limit = 5s;
    std::uint64_t memory = 8 * mebibyte;
};

std::vector<std::byte> kernel(std::string const& name) {
    return vmm::read_file(
        std::filesystem::path{TWOFOLD_BUILD_DIRECTORY} / "guest" / (name + ".elf"), 64 * mebibyte);
}

vmm::LaunchPlan plan_of(std::vector<Behaviour> const& behaviours) {
    vmm::LaunchPlan plan;
    auto const elf = kernel("hostile");
    for (auto const& behaviour : behaviours) {
        std::vector<std::string> arguments{"hostile"};
        std::ranges::copy(behaviour.arguments, std::back_inserter(arguments));
        plan.guests.push_back({.arguments = arguments,
                               .elf = elf,
                               .memory_bytes = behaviour.memory,
                               .time_limit = behaviour.time_limit});
    }
    plan.guests.push_back(
        {.arguments = {"hello"}, .elf = kernel("hello"), .memory_bytes = 8 * mebibyte});
    return plan;
}

/// The `guest_stop` of each guest, hello's being the last, once the report was found to be whole
/// and hello to have run as ever.
std::vector<Json> stops_of(std::vector<Behaviour> const& behaviours) {
    auto const booted = boot(image_of(plan_of(behaviours)));
    INFO(booted.console);
    CHECK(booted.ending == vmm::Ending::Kind::finished);
    std::vector<Json> stops;
    std::map<std::string, int> kinds;
    for (auto const& line : booted.report) {
        auto const record = Json::parse(line);
        ++kinds[record["record"]];
        if (record["record"] == "guest_stop") stops.push_back(record);
        if (record["record"] == "end") CHECK(record["frames_in_use"] == 0);
    }
    CHECK(kinds["end"] == 1);
    CHECK(kinds["panic"] + kinds["error"] == 0);
    REQUIRE(stops.size() == behaviours.size() + 1);
    CHECK(stops.back()["reason"] == "exit");
    CHECK(stops.back()["code"] == 0);
    CHECK(booted.console.find("hello from hello\n") != std::string::npos);
    CHECK(booted.console.find("FAILED") == std::string::npos);
    return stops;
}

void check(std::vector<Behaviour> const& behaviours) {
    auto const stops = stops_of(behaviours);
    for (std::size_t i = 0; i < behaviours.size(); ++i) {
        INFO(behaviours[i].arguments.front() << ": " << stops[i].dump());
        CHECK(stops[i]["reason"] == behaviours[i].reason);
        CHECK(stops[i]["code"] == behaviours[i].code);
        std::string const message = stops[i]["message"];
        for (auto const& part : behaviours[i].message)
            CHECK(message.find(part) != std::string::npos);
    }
}

} // namespace

TEST_CASE("what a guest may do, or be refused, is answered as the processor answers it") {
    check({
        {{"exceptions"}, "exit", 0},
        {{"page-faults"}, "exit", 0},
        {{"debug-exceptions"}, "exit", 0},
        {{"event-delivery"}, "exit", 0},
        {{"ring-3"}, "exit", 0},
        {{"ports"}, "exit", 0},
        {{"string-io"}, "exit", 0},
        {{"msrs"}, "exit", 0},
        {{"control-registers"}, "exit", 0},
        {{"vmx-instructions"}, "exit", 0},
        {{"instructions"}, "exit", 0},
        {{"hypercalls"}, "exit", 0},
        {{"large-exit-code"}, "exit", 255},
        {{"real-mode"}, "exit", 13},
        {{"paging-off"}, "exit", 4},
        {{"halt"}, "halt", 0},
        {{"no-such-behaviour"}, "exit", 2},
    });
}

TEST_CASE("a guest that cannot go on is ended with the reason, and the next one runs") {
    std::string const outside = "the guest's memory ends at 0x800000";
    check({
        {{"triple-fault"}, "triple_fault", 1, {"nor could the double fault"}},
        {{"task-switch"}, "unknown_exit", 1, {"reason 9 (task_switch)"}},
        {{"read-beyond"}, "outside_memory", 1, {"a read of gpa 0x800000, gva 0x", outside}},
        {{"write-beyond"}, "outside_memory", 1, {"a write to gpa 0x800008, gva 0x", outside}},
        {{"execute-beyond"}, "outside_memory", 1, {"a fetch from gpa 0x800000, gva 0x", outside}},
        {{"tables-beyond"}, "outside_memory", 1, {"gpa 0x800000 by the walk of gva", outside}},
        {{"descriptors-beyond"}, "outside_memory", 1, {"a read of gpa 0x800030, gva 0x", outside}},
        {{"stack-beyond"}, "outside_memory", 1, {"a write to gpa 0x800038, gva 0x", outside}},
        {{"string-output-beyond"}, "outside_memory", 1, {"gpa 0x800000", "I/O instruction"}},
        {{"pae-beyond"}, "outside_memory", 1, {"a read of gpa 0x800000: ", outside}},
        {{"touch-everything"}, "out_of_frames", 1, {"no frame is left"}, 5s, 80 * mebibyte},
    });
}

TEST_CASE("a guest that does not end by itself is ended when its time is over") {
    std::vector<Behaviour> behaviours;
    for (auto const* const endless : {"loop", "loop-of-exits", "interrupt-storm", "flood-console",
                                      "flood-report", "flood-yields"})
        behaviours.push_back({{endless}, "time_limit", 1, {"longer than it was allowed"}, 20ms});
    check(behaviours);
    // Wherever the time passes, in the guest or in the hypervisor on its behalf, 20 ms are 2
    // million ticks.
    for (auto const& stop : stops_of(behaviours)) {
        if (stop["name"] == "hello") continue;
        INFO(stop.dump());
        CHECK(stop["ticks"] >= 2'000'000);
        CHECK(stop["ticks"] < 3'000'000);
    }
}

TEST_CASE("guests that only yield to each other are ended when their time is over, all of them") {
    constexpr unsigned clones = 2;
    auto plan = plan_of({{{"flood-yields"}, "time_limit", 1, {}, 20ms}});
    plan.guests.front().clones = clones;
    auto const booted = boot(image_of(plan));
    INFO(booted.console);
    CHECK(booted.ending == vmm::Ending::Kind::finished);
    std::map<std::string, unsigned> reasons;
    for (auto const& line : booted.report) {
        auto const record = Json::parse(line);
        if (record["record"] == "guest_stop") ++reasons[record["reason"]];
    }
    CHECK(reasons == std::map<std::string, unsigned>{{"exit", 1}, {"time_limit", 1 + clones}});
}

TEST_CASE("random instructions and random page tables end a guest in one of the known ways") {
    std::vector<Behaviour> behaviours;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        behaviours.push_back({{"garbage", std::to_string(seed)}, "", 0, {}, 50ms});
        behaviours.push_back({{"garbage-tables", std::to_string(seed)}, "", 0, {}, 50ms});
    }
    std::set<std::string> const known{"exit",       "halt",         "triple_fault",
                                      "time_limit", "unknown_exit", "outside_memory"};
    for (auto const& stop : stops_of(behaviours)) {
        INFO(stop.dump());
        CHECK(known.contains(stop["reason"]));
        if (stop["reason"] != "exit") CHECK(stop["code"] == (stop["reason"] == "halt" ? 0 : 1));
    }
}

TEST_CASE(
    "an event is injected again when its delivery met a page without a frame, and only then") {
    auto const stops = stops_of({{{"event-delivery"}, "exit", 0}, {{"hypercalls"}, "exit", 0}});
    // Eight single events, seven steps, and one whose gate was on such a page.
    CHECK(stops[0]["violations"]["during_delivery"] == 16);
    CHECK(stops[1]["violations"]["during_delivery"] == 0);
    CHECK(stops[2]["violations"]["during_delivery"] == 0);
}

} // namespace hostile_test
