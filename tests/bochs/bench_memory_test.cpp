// What clones and copy-on-write cost, and how many frames clones hold: every goal, by the command.
#include "catch.hpp"
#include "support/command.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace bench_memory_test {

using namespace twofold::test;
using Json = nlohmann::json;

TEST_CASE("every goal of memory is reached, and frames are exactly as many as predicted") {
    auto const run =
        run_command({.words = {TWOFOLD_COMMAND, "bench", "memory", "--check", "--json", "-"}});
    INFO(run.err);
    CHECK(run.status == 0);
    std::map<std::string, unsigned> predicted;
    auto const json = Json::parse(run.out);
    for (auto const& result : json["results"]) {
        INFO(result.dump());
        if (result["goal"].is_null()) continue;
        REQUIRE(result["value"].is_number());
        CHECK(result["value"] <= result["goal"]);
        if (!result["exact"]) continue;
        CHECK(result["value"] == result["goal"]);
        ++predicted[result["unit"]];
    }
    // 100 and 1,000 clones that write 0, 1 and 16 pages; 16 that write 1, 512 and 4,096.
    CHECK(predicted["frames"] >= 9);
}

} // namespace bench_memory_test
