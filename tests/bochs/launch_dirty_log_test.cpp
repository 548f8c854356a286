// The log of written pages that the hypervisor keeps of each guest for a whole run says the same by
// all three means, whatever is shared, swapped or large meanwhile.
#include "catch.hpp"
#include "support/guest_run.hpp"

#include <array>
#include <utility>

namespace launch_dirty_log_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

constexpr std::array all_means{"write-protection", "dirty-bits", "pml"};

Json run_logged(char const* means, std::vector<std::string> words) {
    std::vector<std::string> const options{"--dirty-log", means, "--audit"};
    words.insert(words.begin() + 1, options.begin(), options.end());
    auto run = run_guests(words);
    INFO(means);
    INFO(run["failure"].dump());
    REQUIRE(run["failure"].is_null());
    CHECK(run["end"]["frames_in_use"] == 0);
    return run;
}

/// Each guest's pages, and what they are.
std::vector<std::pair<std::uint64_t, std::string>> sets(Json const& run) {
    std::vector<std::pair<std::uint64_t, std::string>> all;
    for (Json const& guest : run["guests"]) {
        INFO(guest.dump());
        CHECK(guest["stop"]["code"] == 0);
        all.emplace_back(guest["dirty_log"]["pages"], guest["dirty_log"]["digest"]);
    }
    return all;
}

/// Returns the run by write protection.
Json check_alike(std::vector<std::string> const& words) {
    Json const first = run_logged(all_means[0], words);
    auto const expected = sets(first);
    for (auto const* const means : {all_means[1], all_means[2]}) {
        CAPTURE(means);
        CHECK(sets(run_logged(means, words)) == expected);
    }
    return first;
}

} // namespace

TEST_CASE(
    "a dirty log of a whole run has the same pages by write protection, by dirty bits and by the "
    "page-modification log") {
    // All that comes with a first touch is noted by its violation: here nothing does.
    std::vector<std::string> const words{"pressure", "--memory", "16M",     "--populate",
                                         "eager",    "--",       "--pages", "700"};
    auto const run = check_alike(words);
    auto const& log = run["guests"][0]["dirty_log"];
    // The pages that it fills, its code and data, and its page tables.
    CHECK(log["pages"] >= 700);
    CHECK(log["pages"] < 730);
    CHECK(log["means"] == "write_protection");
    CHECK(log["ticks"] > 0);
    CHECK(log["exits"] == log["pages"]);
    REQUIRE(log["intervals"].size() == 1);
    CHECK(log["intervals"][0]["pages"] == log["pages"]);
    CHECK(log["intervals"][0]["digest"] == log["digest"]);
    auto const by_log = run_logged("pml", words)["guests"][0];
    CHECK(by_log["dirty_log"]["exits"] == by_log["stop"]["exits"]["page_modification_log_full"]);
    CHECK(by_log["dirty_log"]["exits"] == 1);
    CHECK(run_logged("dirty-bits", words)["guests"][0]["dirty_log"]["exits"] == 0);
    // And not the same where the guest does something else.
    check_alike({"pressure", "--memory", "16M", "--", "--pages", "700"});
    CHECK(sets(run_logged("pml", {"pressure", "--memory", "16M", "--", "--pages", "699"})) !=
          sets(run));
}

TEST_CASE("a dirty log of each guest has the same pages by all means where clones share, pages are "
          "large, or pages leave for the swap disk") {
    check_alike({"clone", "--memory", "8M", "--clones", "2", "--", "--pages", "200"});
    check_alike({"pressure", "--memory", "16M", "--host-page", "2m", "--populate", "eager",
                 "--with", "clone --pages 64", "--", "--pages", "700"});
    auto const swapped = check_alike({"pressure", "--memory", "16M", "--frames-limit", "3M",
                                      "--swap", "12M", "--", "--pages", "1100"});
    CHECK(swapped["memory"]["swap"]["written"] > 500);
}

TEST_CASE("collected again and again a dirty log comes to the same pages in all") {
    std::vector<std::string> const words{"pressure", "--memory", "16M", "--", "--pages", "700"};
    auto const expected = sets(run_logged("pml", words));
    for (auto const* const means : all_means) {
        CAPTURE(means);
        std::vector<std::string> often = words;
        often.insert(often.begin() + 1, {"--dirty-log-every", "20"});
        auto const run = run_logged(means, often);
        CHECK(sets(run) == expected);
        auto const& log = run["guests"][0]["dirty_log"];
        REQUIRE(log["intervals"].size() > 3);
        std::uint64_t written = 0;
        std::uint64_t ticks = 0;
        for (Json const& interval : log["intervals"]) {
            CHECK(interval["pages"] <= log["pages"]);
            written += interval["pages"].get<std::uint64_t>();
            ticks += interval["ticks"].get<std::uint64_t>();
        }
        CHECK(written > log["pages"]);
        CHECK(log["ticks"] > ticks);
        CHECK(log["intervals"].back()["ticks_run"] == run["guests"][0]["stop"]["ticks"]);
    }
}

TEST_CASE(
    "while the hypervisor keeps a dirty log a guest can keep none of its own, and one that has no "
    "memory left for it ends") {
    auto const run = run_guests({"dirty", "--dirty-log", "pml", "--memory", "16M"});
    CHECK(run["guests"][0]["stop"]["code"] == 3);
    auto const none = run_guests({"hello", "--with", "hello", "--dirty-log", "pml", "--memory",
                                  "1G", "--frames-limit", "1M", "--guest-page", "2m"});
    CHECK(none["guests"][0]["stop"]["reason"] == "out_of_frames");
    CHECK(none["guests"][0]["stop"]["message"].get<std::string>().starts_with(
        "no memory for its dirty log: "));
    CHECK(none["end"]["frames_in_use"] == 0);
}

TEST_CASE("a processor without a page-modification log is told of before any guest") {
    auto const run = run_guests({"hello", "--dirty-log", "pml", "--cpu", "corei7_haswell_4770"});
    CHECK(run["guests"].empty());
    CHECK(run["failure"].get<std::string>().find("the processor has no page-modification log") !=
          std::string::npos);
    auto const bits =
        run_guests({"hello", "--dirty-log", "dirty-bits", "--cpu", "corei7_haswell_4770"});
    CHECK(bits["guests"][0]["dirty_log"]["pages"] > 0);
}

} // namespace launch_dirty_log_test
