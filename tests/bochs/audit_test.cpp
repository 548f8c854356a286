// The hypervisor's audit of every frame, over real EPT, with guests that share, swap, log and give
// back.
#include "catch.hpp"
#include "support/guest_run.hpp"

namespace audit_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

void check_clean(Json const& run, std::size_t audits) {
    REQUIRE(run["failure"].is_null());
    REQUIRE(run["audits"].size() == audits);
    for (Json const& audit : run["audits"]) {
        INFO(audit.dump());
        CHECK(audit["mismatches"] == 0);
        CHECK(audit["faults"] == 0);
        CHECK(audit["first"].is_null());
        CHECK(audit["frames"] == run["audits"][0]["frames"]);
        if (run["memory"].is_null() || !run["memory"].contains("swap")) continue;
        CHECK(audit["slots"]["audited"] == run["memory"]["swap"]["pages"]);
        CHECK(audit["slots"]["mismatches"] == 0);
        CHECK(audit["slots"]["references"] >= audit["slots"]["used"]);
    }
    if (run["audits"].back().contains("slots")) CHECK(run["audits"].back()["slots"]["used"] == 0);
    CHECK(run["audits"].back()["spaces"] == 0);
    CHECK(run["audits"].back()["references"] == 0);
    CHECK(run["end"]["frames_in_use"] == 0);
}

} // namespace

TEST_CASE("without being asked the hypervisor audits all frames before the last guest's end, and "
          "after it") {
    auto const run = run_guests({"hello", "--memory", "8M"});
    check_clean(run, 2);
    auto const& audit = run["audits"][0];
    CHECK(audit["spaces"] == 1);
    // What is in use: memory and tables, the VMCS and the record; each has one reference.
    auto const& frames = run["guests"][0]["stop"]["frames"];
    std::uint64_t const in_use = frames["in_use"];
    CHECK(in_use ==
          frames["memory"].get<std::uint64_t>() + frames["tables"].get<std::uint64_t>() + 2);
    CHECK(audit["references"] == in_use);
}

TEST_CASE("with --audit all frames are audited at each guest's end: clones, a swap disk, large "
          "pages, dirty logs and frames zeroed ahead") {
    auto const run = run_guests({"clone", "--audit", "--memory", "8M", "--clones", "2", "--with",
                                 "pressure --pages 700 --release 100", "--with",
                                 "dirty --means 3 --pages 600", "--zero-ahead", "--frames-limit",
                                 "7M", "--swap", "32M", "--", "--pages", "200"});
    std::size_t const guests = run["guests"].size();
    CHECK(guests > 9);
    check_clean(run, guests + 1);
    CHECK(run["audits"][0]["frames"] == (7 << 20) / 4096);
    CHECK(run["memory"]["swap"]["written"] > 100);
    CHECK(run["audits"][0]["slots"]["audited"] == (32 << 20) / 4096);
    CHECK(run["audits"][0]["slots"]["used"] > 100);
    for (std::size_t at = 0; at + 1 < guests; ++at)
        CHECK(run["audits"][at]["spaces"] == guests - at);

    check_clean(run_guests({"touch", "--audit", "--host-page", "2m", "--memory", "8M", "--clones",
                            "3", "--with", "dirty --means 2 --pages 64"}),
                8 + 1);
}

} // namespace audit_test
