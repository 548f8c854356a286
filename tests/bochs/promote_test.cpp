// Small pages become large ones over real EPT while their guest uses and verifies them.
#include "catch.hpp"
#include "support/guest_run.hpp"

#include <sstream>

namespace promote_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

struct Leaves {
    std::uint64_t small = 0;
    std::uint64_t large = 0;
    friend bool operator==(Leaves, Leaves) = default;
};

/// Of the line that begins with `when`.
Leaves leaves(Json const& run, std::string const& when) {
    std::istringstream console{run["console"].get<std::string>()};
    for (std::string line; std::getline(console, line);) {
        if (!line.starts_with(when + ": ")) continue;
        Leaves found;
        REQUIRE(std::sscanf(line.c_str() + when.size(), ": %lu small leaves, %lu large ones",
                            &found.small, &found.large) == 2);
        return found;
    }
    FAIL("no line about the leaves " << when);
    return {};
}

Json grow(std::vector<std::string> options) {
    std::vector<std::string> words{"grow", "--memory", "16M", "--machine-memory", "64M", "--audit"};
    words.insert(words.end(), options.begin(), options.end());
    auto run = run_guests(words);
    INFO(run.dump());
    REQUIRE(run["failure"].is_null());
    REQUIRE(run["exit_status"] == 0);
    CHECK(run["end"]["frames_in_use"] == 0);
    return run;
}

Json promoting(Json const& run) { return run["memory"]["promote"]; }

} // namespace

TEST_CASE("blocks that a guest has filled page by page are mapped by one large page each, and hold "
          "what they held") {
    auto const small = grow({"--", "--blocks", "3", "--large", "0"});
    auto const begin = leaves(small, "at the start");
    CHECK(leaves(small, "at the end") == Leaves{begin.small + 3 * 512, begin.large});

    auto const run = grow({"--promote", "--", "--blocks", "3"});
    CHECK(leaves(run, "at the start") == begin);
    CHECK(leaves(run, "at the end") == Leaves{begin.small, begin.large + 3});
    CHECK(promoting(run)["promoted"] == 3);
    // The order in which they were filled has no pattern.
    CHECK(promoting(run)["moved"] == 3);
    CHECK(run["guests"][0]["stop"]["upkeep"]["promoted"] == 3);
}

TEST_CASE("pages that a dirty log has split go back to large ones where they are") {
    auto const run = grow({"--promote", "--host-page", "2m", "--", "--split"});
    auto const filled = leaves(run, "filled");
    CHECK(filled.small == 0);
    CHECK(leaves(run, "split") == Leaves{filled.large * 512, 0});
    CHECK(leaves(run, "at the end") == filled);
    CHECK(promoting(run)["promoted"] == filled.large);
    CHECK(promoting(run)["moved"] == 0);
    CHECK(run["guests"][0]["stop"]["upkeep"]["split"] == filled.large);
}

TEST_CASE("where large pages must not be executable, a block that was executed from stays small") {
    auto const any = grow({"--promote", "--", "--execute"});
    CHECK(promoting(any)["promoted"] == 2);
    auto const run = grow({"--promote", "--nx-huge-pages", "--", "--execute", "--large", "1"});
    auto const begin = leaves(run, "at the start");
    CHECK(leaves(run, "at the end") == Leaves{begin.small + 512, begin.large + 1});
    CHECK(promoting(run)["promoted"] == 1);
    // And one that is large is split by the first fetch from it.
    auto const split =
        grow({"--nx-huge-pages", "--host-page", "2m", "--", "--execute", "--large", "1"});
    auto const first = leaves(split, "at the start");
    CHECK(leaves(split, "at the end") == Leaves{first.small + 512, first.large + 1});
}

} // namespace promote_test
