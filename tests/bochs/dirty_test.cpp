// A guest's dirty log says the same by write protection, by EPT dirty bits and by the
// page-modification log.
#include "catch.hpp"
#include "support/launch.hpp"

#include <array>
#include <sstream>

namespace dirty_test {

namespace {

using namespace twofold;
using namespace twofold::test;

std::vector<std::string> lines_of(std::string const& console) {
    std::vector<std::string> lines;
    std::istringstream stream{console};
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

std::uint64_t exits(Launched const& launched, std::size_t guest, std::string const& name) {
    auto const& all = launched.activity(guest).exits;
    auto const found = all.find(name);
    return found == all.end() ? 0 : found->second;
}

} // namespace

TEST_CASE(
    "three means of dirty logging give the same sets over the same run, and the pages that the "
    "guest knows it wrote") {
    // The guest checks its own pages; the digest that it prints is of all its memory.
    vmm::LaunchPlan plan;
    for (auto const* const means : {"1", "2", "3"})
        plan.guests.push_back(guest_plan({"dirty", "--all", "--means", means}));
    auto const launched = launch(plan);
    REQUIRE(launched.report.guests().size() == 3);
    for (std::size_t guest = 0; guest < 3; ++guest)
        CHECK(launched.stop(guest).code == 0);
    auto const lines = lines_of(launched.console);
    constexpr std::size_t rounds = 4;
    REQUIRE(lines.size() == 3 * rounds);
    for (std::size_t at = 0; at < rounds; ++at) {
        CHECK(lines[at].starts_with("round " + std::to_string(at)));
        CHECK(lines[at] == lines[at + rounds]);
        CHECK(lines[at] == lines[at + 2 * rounds]);
    }
    // By write protection each page leaves the guest; the processor's own log only when it is full,
    // once a round of more than 512 pages.
    CHECK(exits(launched, 0, "ept_violation") > exits(launched, 1, "ept_violation") + rounds * 500);
    CHECK(exits(launched, 2, "page_modification_log_full") == rounds);
    CHECK(exits(launched, 1, "page_modification_log_full") == 0);
    CHECK(launched.report.end()->frames_in_use == 0);
}

TEST_CASE("without EPT accessed and dirty bits only write protection is to be had") {
    vmm::LaunchPlan plan;
    for (auto const* const means : {"1", "2", "3", "4"}) {
        plan.guests.push_back(guest_plan({"dirty", "--means", means, "--pages", "64"}));
        plan.guests.back().accessed_dirty = false;
    }
    auto const launched = launch(plan);
    REQUIRE(launched.report.guests().size() == 4);
    std::array const codes{0, 3, 3, 3};
    for (std::size_t guest = 0; guest < 4; ++guest)
        CHECK(launched.stop(guest).code == static_cast<std::uint64_t>(codes[guest]));
    CHECK(launched.report.end()->frames_in_use == 0);
}

} // namespace dirty_test
