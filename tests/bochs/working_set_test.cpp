// What guests access, by the accessed bits that the processor sets in EPT.
#include "catch.hpp"
#include "support/guest_run.hpp"

namespace working_set_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

std::vector<std::uint64_t> looks(Json const& run, std::size_t guest = 0) {
    std::vector<std::uint64_t> pages;
    for (Json const& look : run["guests"][guest].value("working_sets", Json::array()))
        pages.push_back(look["pages"]);
    return pages;
}

/// The guest's looks: after all pages, twice after none, and twice after `touched` of them.
void check_looks(std::vector<std::string> options, std::uint64_t touched, std::uint64_t tables) {
    std::vector<std::string> words{"hot", "--memory", "16M", "--audit"};
    words.insert(words.end(), options.begin(), options.end());
    for (auto const& word : {std::string{"--"}, std::string{"--touch"}, std::to_string(touched),
                             std::string{"--rounds"}, std::string{"2"}})
        words.push_back(word);
    auto const run = run_guests(words);
    INFO(run.dump());
    REQUIRE(run["failure"].is_null());
    CHECK(run["exit_status"] == 0);
    auto const pages = looks(run);
    REQUIRE(pages.size() == 5);
    CHECK(pages[0] > 1024);
    CHECK(pages[2] == pages[1]);
    CHECK(pages[3] == pages[1] + touched + tables);
    CHECK(pages[4] == pages[3]);
}

} // namespace

TEST_CASE("a guest that asks is told the pages that it has touched since, each once, and the page "
          "tables that its walks needed") {
    check_looks({}, 300, 1);
    check_looks({}, 1024, 2);
    check_looks({"--guest-page", "2m"}, 77, 0);
}

TEST_CASE("without EPT accessed bits there is nothing to tell") {
    auto const run = run_guests({"hot", "--memory", "16M", "--ept-ad", "off"});
    CHECK(run["guests"][0]["stop"]["code"] == 3);
    auto const looked = run_guests({"hello", "--ept-ad", "off", "--working-set", "1"});
    CHECK(looks(looked).empty());
}

TEST_CASE("where the launch asks for it each guest is looked at after so much of its time, and at "
          "its end") {
    auto const run = run_guests({"pressure", "--memory", "16M", "--working-set", "2", "--with",
                                 "hello", "--", "--pages", "512", "--passes", "2"});
    REQUIRE(run["failure"].is_null());
    auto const& stop = run["guests"][0]["stop"];
    auto const pages = looks(run);
    // 100,000 ticks a millisecond; a look waits for the end of a turn.
    std::uint64_t const ticks = stop["ticks"];
    CHECK(pages.size() >= 3);
    CHECK(pages.size() <= ticks / 200'000 + 1);
    for (std::uint64_t const one : pages)
        CHECK(one <= stop["frames"]["memory"].get<std::uint64_t>());
    CHECK(looks(run, 1).size() == 1);
}

} // namespace working_set_test
