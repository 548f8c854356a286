// Several guests at once, and clones, over real EPT: what each guest verifies of its own memory.
#include "catch.hpp"
#include "support/guest_run.hpp"

#include <algorithm>

namespace clones_test {

using namespace twofold::test;

namespace {

bool has(std::string const& text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

TEST_CASE("clones of clones of clones find what was inherited, and what each of them wrote") {
    auto const run = run_guests({"clone", "--", "--depth", "3", "--number", "2"});
    REQUIRE(run["failure"].is_null());
    REQUIRE(run["guests"].size() == 1 + 2 + 4 + 8);
    for (std::size_t i = 0; i < run["guests"].size(); ++i) {
        auto const& guest = run["guests"][i];
        INFO(guest.dump());
        CHECK(guest["guest"] == i);
        CHECK(guest["stop"]["reason"] == "exit");
        CHECK(guest["stop"]["code"] == 0);
        CHECK(guest["start"].contains("cloned_from") == (i != 0));
        CHECK(has(run["console"], "[" + std::to_string(i) + "] guest " + std::to_string(i) + ", "));
    }
}

TEST_CASE("clones before the first instruction run the whole guest, and their lines are told "
          "apart") {
    auto const run = run_guests({"hello", "--clones", "3"});
    REQUIRE(run["failure"].is_null());
    REQUIRE(run["guests"].size() == 4);
    for (auto const* const line : {"[0] hello from hello\n", "[3] hello from hello\n"})
        CHECK(has(run["console"], line));
    CHECK(run["guests"][1]["start"]["cloned_from"] == 0);
    CHECK(run["guests"][1]["stop"]["frames"]["memory"] <
          run["guests"][0]["stop"]["frames"]["memory"]);
}

TEST_CASE("a guest alone is printed as it prints, and never interrupted") {
    auto const run = run_guests({"hello"});
    CHECK(has(run["console"], "hello from hello\nmemory"));
    CHECK_FALSE(run["guests"][0]["stop"]["exits"].contains("preemption_timer"));
    CHECK(run["guests"][0]["stop"]["turns"] == 1);
}

TEST_CASE(
    "guests share the processor by their weights, and one that exceeds its time stops alone") {
    auto const run = run_guests({"clone", "--with", "clone --depth 0 --rounds 1000000", "--with",
                                 "hello --exit 5", "--weights", "1,3", "--timeout", "0.05", "--",
                                 "--depth", "0", "--rounds", "1000000"});
    REQUIRE(run["failure"].is_null());
    auto const stop = [&](std::size_t guest) { return run["guests"][guest]["stop"]; };
    CHECK(stop(0)["reason"] == "time_limit");
    CHECK(stop(1)["reason"] == "time_limit");
    CHECK(stop(2)["code"] == 5);
    // 50 ms by turns of 3 are 17; the other is alone then and needs only one more for all that it
    // has left.
    CHECK(stop(1)["turns"] == 17);
    CHECK(stop(0)["turns"] == 18);
}

TEST_CASE("a clone for which there is no memory is refused, and everybody else goes on") {
    auto const run = run_guests({"clone", "--memory", "8M", "--machine-memory", "12M", "--",
                                 "--depth", "7", "--number", "2"});
    REQUIRE(run["failure"].is_null());
    std::size_t refused = 0;
    for (auto const& guest : run["guests"]) {
        auto const& stop = guest["stop"];
        INFO(guest.dump());
        bool const out_of_frames = stop["reason"] == "out_of_frames";
        CHECK((stop["reason"] == "exit" || out_of_frames));
        CHECK((out_of_frames || stop["code"] == 0 || stop["code"] == 3));
        refused += out_of_frames || stop["code"] == 3 ? 1 : 0;
    }
    CHECK(refused > 0);
    CHECK(refused < run["guests"].size());
}

} // namespace clones_test
