// The walks of live guests against what the emulated processor itself reads for the same accesses.
#include "catch.hpp"
#include "report/walk_comparison.hpp"
#include "support/launch.hpp"

#include <span>

namespace walk_oracle_test {

namespace {

using namespace twofold;
using namespace twofold::test;

constexpr PageSize sizes[] = {page_4k, page_2m, page_1g};

/// References of a cold walk, by guest leaf and EPT leaf; the last column: natively. The data
/// access and the write-backs of accessed and dirty bits are not in them.
constexpr std::size_t references_of[3][4] = {{24, 19, 14, 4}, {19, 15, 11, 3}, {14, 11, 8, 2}};
constexpr std::size_t natively = 3;

/// The part of `windows` that belongs to guest `index`, each walk having one window.
std::span<vmm::TraceWindow const> windows_of(Launched const& launched, std::size_t index) {
    std::size_t first = 0;
    for (std::size_t before = 0; before < index; ++before)
        first += launched.guest(before).walks.size();
    std::size_t const count = launched.guest(index).walks.size();
    REQUIRE(first + count <= launched.windows.size());
    return std::span{launched.windows}.subspan(first, count);
}

void check_against_processor(Launched const& launched, std::size_t index) {
    auto const& walks = launched.guest(index).walks;
    auto const comparison = vmm::compare_walks(walks, windows_of(launched, index));
    CHECK(comparison.difference == "");
    std::size_t references = 0;
    for (auto const& walk : walks)
        references += walk.references.size();
    CHECK(comparison.equal == references);
}

void check_pages(vmm::record::Walk const& walk, std::size_t guest_size, std::size_t host_size) {
    CHECK(walk.guest_page == sizes[guest_size]);
    CHECK(walk.host_page ==
          (host_size == natively ? std::nullopt : std::optional{sizes[host_size]}));
    CHECK(walk.native == (host_size == natively));
    CHECK(walk.references.size() == references_of[guest_size][host_size]);
}

void check_clean_end(Launched const& launched) {
    REQUIRE(launched.report.end());
    CHECK(launched.report.end()->frames_in_use == 0);
    for (auto const& guest : launched.report.guests()) {
        REQUIRE(guest.stop);
        CHECK(guest.stop->reason == "exit");
        CHECK(guest.stop->code == 0);
    }
}

} // namespace

TEST_CASE("a live guest's walk is the processor's own, for each guest page over EPT 4K and 2M") {
    vmm::LaunchPlan plan;
    for (std::size_t guest_size = 0; guest_size < 3; ++guest_size) {
        for (std::size_t host_size = 0; host_size < 2; ++host_size) {
            auto guest = guest_plan({"walk"});
            guest.guest_page = sizes[guest_size];
            guest.host_page = sizes[host_size];
            plan.guests.push_back(guest);
        }
    }
    auto const launched = launch(plan, 32);
    REQUIRE(launched.report.guests().size() == 6);
    CHECK(launched.windows.size() == 6);
    for (std::size_t index = 0; index < 6; ++index) {
        INFO("guest " << index);
        REQUIRE(launched.guest(index).walks.size() == 1);
        check_pages(launched.guest(index).walks[0], index / 2, index % 2);
        check_against_processor(launched, index);
    }
    check_clean_end(launched);
}

TEST_CASE("a live guest's walk is the processor's own, for each guest page over EPT 1G") {
    // Bringing in a frame of 1 GiB takes seconds, so one guest maps its page in each size.
    auto guest = guest_plan({"walk", "--map", "all"});
    guest.host_page = page_1g;
    guest.memory_bytes = page_1g.bytes();
    auto const launched = launch({.guests = {guest}}, 32);
    REQUIRE(launched.report.guests().size() == 1);
    auto const& walks = launched.guest(0).walks;
    REQUIRE(walks.size() == 3);
    CHECK(launched.windows.size() == 3);
    for (std::size_t guest_size = 0; guest_size < 3; ++guest_size)
        check_pages(walks[guest_size], guest_size, 2);
    check_against_processor(launched, 0);
    CHECK(launched.activity(0).violations->total() == 0);
    CHECK(launched.activity(0).memory_frames == page_1g.frames());
    CHECK(launched.activity(0).table_frames == 2);
    check_clean_end(launched);
}

TEST_CASE("a native guest's walk is the processor's own, for each guest page") {
    for (std::size_t guest_size = 0; guest_size < 3; ++guest_size) {
        auto guest = guest_plan({"walk"});
        guest.guest_page = sizes[guest_size];
        auto const launched = launch({.guests = {guest}, .native = true}, 32);
        REQUIRE(launched.report.guests().size() == 1);
        REQUIRE(launched.guest(0).walks.size() == 1);
        CHECK(launched.windows.size() == 1);
        check_pages(launched.guest(0).walks[0], guest_size, natively);
        check_against_processor(launched, 0);
        check_clean_end(launched);
    }
}

TEST_CASE("a walk for a write and one for a fetch read what a walk for a read does") {
    vmm::LaunchPlan plan;
    for (auto const* const access : {"read", "write", "execute"})
        plan.guests.push_back(
            guest_plan({"walk", "--map", "all", "--pages", "3", "--access", access}));
    auto const launched = launch(plan, 64);
    REQUIRE(launched.report.guests().size() == 3);
    CHECK(launched.windows.size() == 27);
    for (std::size_t index = 0; index < 3; ++index) {
        INFO("guest " << index);
        REQUIRE(launched.guest(index).walks.size() == 9);
        for (std::size_t at = 0; at < 9; ++at)
            check_pages(launched.guest(index).walks[at], at / 3, 0);
        check_against_processor(launched, index);
    }
    check_clean_end(launched);
}

TEST_CASE("nested and native walks of one address read the same entries of the guest's tables") {
    auto const guest = guest_plan({"walk", "--map", "all"});
    auto const nested = launch({.guests = {guest}});
    auto const native = launch({.guests = {guest}, .native = true});
    REQUIRE(nested.guest(0).walks.size() == 3);
    REQUIRE(native.guest(0).walks.size() == 3);
    for (std::size_t at = 0; at < 3; ++at) {
        auto const& over_ept = nested.guest(0).walks[at];
        auto const& bare = native.guest(0).walks[at];
        CHECK(over_ept.gva == bare.gva);
        CHECK(over_ept.gpa == bare.gpa);
        std::vector<std::uint64_t> addresses;
        for (auto const& reference : over_ept.references)
            if (reference.gpa) addresses.push_back(*reference.gpa);
        REQUIRE(addresses.size() == bare.references.size());
        for (std::size_t i = 0; i < addresses.size(); ++i)
            CHECK(addresses[i] == bare.references[i].address);
    }
}

TEST_CASE("a walk without a translation says which dimension ended it, and where") {
    auto const launched = launch({.guests = {guest_plan({"walk", "--at", "0x700000000000"}),
                                             guest_plan({"walk", "--at", "0x600000"})}});
    REQUIRE(launched.report.guests().size() == 2);
    auto const& unmapped = launched.guest(0).walks.at(0);
    REQUIRE(unmapped.fault);
    CHECK(unmapped.fault->dimension == Dimension::guest);
    CHECK(unmapped.fault->level == 4);
    CHECK(unmapped.fault->reason == "not_present");
    CHECK(unmapped.references.size() == 5);
    CHECK_FALSE(launched.guest(1).walks.at(0).fault);
    check_clean_end(launched);
}

} // namespace walk_oracle_test
