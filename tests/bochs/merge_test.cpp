// Pages of the same contents share frames over real EPT, and the guests verify each word of them.
#include "catch.hpp"
#include "support/guest_run.hpp"

#include <array>

namespace merge_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

constexpr std::uint64_t zeros = 5;
constexpr std::uint64_t same = 7;
constexpr std::uint64_t own = 3;
constexpr std::uint64_t common = 11;

std::string twins(std::string const& more = {}) {
    return "twins --zeros 5 --same 7 --own 3 --common 11" + more;
}

void check_ended_well(Json const& run) {
    REQUIRE(run["failure"].is_null());
    for (Json const& guest : run["guests"]) {
        INFO(guest.dump());
        CHECK(guest["stop"]["reason"] == "exit");
        CHECK(guest["stop"]["code"] == 0);
    }
    CHECK(run["end"]["frames_in_use"] == 0);
}

/// Two guests of the kind, whose command line is the same.
Json run_twins(std::vector<std::string> options, std::string const& more = {}) {
    std::vector<std::string> words{"twins", "--memory", "8M", "--audit", "--with", twins(more)};
    words.insert(words.end(), options.begin(), options.end());
    for (auto const* const word :
         {"--", "--zeros", "5", "--same", "7", "--own", "3", "--common", "11"})
        words.emplace_back(word);
    if (!more.empty()) words.push_back(more.substr(1));
    return run_guests(words);
}

std::uint64_t sum(Json const& run, char const* figure) {
    std::uint64_t all = 0;
    for (Json const& guest : run["guests"])
        all += guest["stop"]["upkeep"][figure].get<std::uint64_t>();
    return all;
}

} // namespace

TEST_CASE("pages that two guests offer come to share frames, of which so many fewer are in use, "
          "and part at a write") {
    auto const run = run_twins({"--merge", "offered"});
    check_ended_well(run);
    // One frame for all that are the same, one for each that both have, and that of zeros.
    std::uint64_t merged = 0;
    std::uint64_t zeroed = 0;
    for (Json const& guest : run["guests"]) {
        REQUIRE(guest["merges"].size() == 1);
        Json const& merge = guest["merges"][0];
        INFO(merge.dump());
        CHECK(merge["pages"] == zeros + same + own + common);
        CHECK(merge["zeroed"] == zeros);
        CHECK(merge["frames"]["before"].get<std::uint64_t>() -
                  merge["frames"]["after"].get<std::uint64_t>() ==
              merge["merged"].get<std::uint64_t>() + zeros);
        merged += merge["merged"].get<std::uint64_t>();
        zeroed += merge["zeroed"].get<std::uint64_t>();
    }
    CHECK(merged == 2 * same - 1 + common);
    CHECK(zeroed == 2 * zeros);
    CHECK(run["memory"]["merge"]["merged"] == merged);
    CHECK(run["memory"]["merge"]["zeroed"] == zeroed);
    CHECK(sum(run, "merged") == merged + zeroed);
    // Of each group of sharers the last one to write keeps the frame.
    CHECK(sum(run, "copied") == 2 * same - 1 + common);
    CHECK(sum(run, "taken_over") == 1 + common);
}

TEST_CASE("in the background the hypervisor finds what it was not shown") {
    auto const run = run_twins({"--merge", "all"}, " --background");
    check_ended_well(run);
    for (Json const& guest : run["guests"])
        CHECK_FALSE(guest.contains("merges"));
    Json const& merge = run["memory"]["merge"];
    INFO(merge.dump());
    CHECK(merge["passes"] >= 1);
    CHECK(merge["merged"] >= 2 * same - 1 + common);
    CHECK(merge["zeroed"] >= 2 * zeros);
    CHECK(merge["merged"].get<std::uint64_t>() + merge["zeroed"].get<std::uint64_t>() ==
          sum(run, "merged"));
    auto const console = run["console"].get<std::string>();
    CHECK(console.find("23 of 26 pages share a frame") != std::string::npos);
}

TEST_CASE("while no guest has anything to do the hypervisor merges more than between turns") {
    // Between turns it looks at 16 pages, and a guest writes some 30 in one: of 1200 too many
    // are left for 8 turns that are given away, or 16 of two guests.
    constexpr std::uint64_t pages = 1200;
    auto const one = run_guests({"twins", "--memory", "16M", "--audit", "--merge", "all", "--",
                                 "--alone", "--same", "1200", "--common", "0", "--yields", "8"});
    check_ended_well(one);
    CHECK(one["memory"]["merge"]["merged"] >= pages - 1);

    auto const two = run_guests({"twins", "--memory", "16M", "--audit", "--merge", "all", "--with",
                                 "twins --same 1200 --common 0 --yields 16", "--", "--same", "1200",
                                 "--common", "0", "--yields", "16"});
    check_ended_well(two);
    CHECK(two["memory"]["merge"]["merged"] >= 2 * pages - 1);
}

TEST_CASE("a guest that is alone, or has a clone, or logs what it writes, may offer pages too") {
    auto const run = run_guests({"twins", "--memory", "8M", "--audit", "--merge", "offered", "--",
                                 "--alone", "--same", "40", "--zeros", "600"});
    check_ended_well(run);
    // 512 pages a call.
    CHECK(run["guests"][0]["merges"].size() == 2);
    CHECK(run["memory"]["merge"]["merged"] == 40 - 1);
    CHECK(run["memory"]["merge"]["zeroed"] == 600);

    // With a swap disk and too few frames, pages that share a frame leave together.
    auto const short_of_frames =
        run_guests({"pressure", "--memory", "8M", "--audit", "--merge", "all", "--frames-limit",
                    "4M", "--swap", "16M", "--clones", "1", "--with", "pressure --pages 300",
                    "--with", "clone --pages 100", "--", "--pages", "900"});
    check_ended_well(short_of_frames);
    CHECK(short_of_frames["memory"]["swap"]["written"] > 100);
}

TEST_CASE("where the launch does not allow it, pages can't be offered, and nothing is merged") {
    auto const run = run_guests({"twins", "--memory", "8M", "--", "--alone"});
    CHECK(run["guests"][0]["stop"]["code"] == 3);
    CHECK(run["memory"].is_null());
}

} // namespace merge_test
