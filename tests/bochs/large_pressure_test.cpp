// Large pages where memory is short, over real EPT and an emulated ATA disk: guests verify each
// word of their own pages.
#include "catch.hpp"
#include "support/guest_run.hpp"

namespace large_pressure_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

/// All guests have found what they wrote, and nothing is left or lost.
Json run_short(std::vector<std::string> const& words) {
    auto run = run_guests(words);
    REQUIRE(run["failure"].is_null());
    for (Json const& guest : run["guests"]) {
        INFO(guest["stop"].dump());
        CHECK(guest["stop"]["reason"] == "exit");
        CHECK(guest["stop"]["code"] == 0);
    }
    for (Json const& audit : run["audits"]) {
        CHECK(audit["mismatches"] == 0);
        CHECK(audit["slots"]["mismatches"] == 0);
    }
    CHECK(run["audits"].back()["slots"]["used"] == 0);
    CHECK(run["end"]["frames_in_use"] == 0);
    return run;
}

} // namespace

TEST_CASE(
    "cold large pages of a guest with more memory than there is are split and leave in parts, and "
    "it finds all that it wrote") {
    auto const run = run_short({"pressure", "--memory", "16M", "--host-page", "2m",
                                "--frames-limit", "8M", "--swap", "24M", "--audit", "--", "--pages",
                                "3000", "--cold", "2400", "--passes", "4"});
    CHECK(run["memory"]["swap"]["split"] == 2);
    CHECK(run["memory"]["swap"]["written"] > 1500);
    CHECK(run["guests"][0]["stop"]["reclaim"]["swapped_in"] > 1000);
    // Two frames are kept back for the tables of such pages.
    auto const& frames = run["guests"][0]["stop"]["frames"];
    CHECK(frames["in_use"] <= 2048);
    CHECK(run["audits"][0]["references"] > 2);
}

TEST_CASE(
    "clones of a guest with large pages, and guests whose memory is filled ahead, go on in too "
    "little memory") {
    auto const run = run_short({"pressure", "--memory", "16M", "--host-page", "2m", "--clones", "1",
                                "--frames-limit", "9M", "--swap", "48M", "--", "--pages", "1500"});
    CHECK(run["memory"]["swap"]["written"] > 500);
    auto const eager =
        run_short({"pressure", "--memory", "16M", "--host-page", "2m", "--populate", "eager",
                   "--with", "pressure --pages 2500", "--frames-limit", "17M", "--swap", "48M",
                   "--", "--pages", "1500", "--cold", "1500"});
    CHECK(eager["memory"]["swap"]["split"] > 2);
}

TEST_CASE(
    "pages that were promoted leave too, and promotion does not make them whole while frames are "
    "low") {
    auto const run =
        run_short({"pressure", "--memory", "24M", "--with", "pressure --pages 5000 --seed 4",
                   "--promote", "--frames-limit", "14M", "--swap", "48M", "--weights", "2,1", "--",
                   "--pages", "1400", "--cold", "1300", "--passes", "400"});
    auto const& upkeep = run["guests"][0]["stop"]["upkeep"];
    CHECK(upkeep["promoted"] == 2);
    CHECK(upkeep["split"] == 1);
    CHECK(run["memory"]["swap"]["split"] == 1);
    CHECK(run["memory"]["promote"]["promoted"] == 2); // none once more
}

TEST_CASE("large pages that can't leave, since the swap disk is full, stop the guest that asks") {
    auto const run =
        run_guests({"pressure", "--with", "hello", "--memory", "16M", "--host-page", "2m",
                    "--frames-limit", "8M", "--swap", "1M", "--", "--pages", "3000"});
    REQUIRE(run["failure"].is_null());
    CHECK(run["guests"][0]["stop"]["reason"] == "out_of_frames");
    CHECK(run["guests"][1]["stop"]["code"] == 0);
    CHECK(run["end"]["frames_in_use"] == 0);
}

} // namespace large_pressure_test
