// What a guest touches is counted exactly, and is what it must be, however it is touched and
// wherever its frames come from.
#include "catch.hpp"
#include "support/launch.hpp"

namespace touch_test {

namespace {

using namespace twofold;
using namespace twofold::test;

constexpr std::uint64_t memory_frames = (16U << 20) / 4096;

std::size_t count_of(std::string const& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

/// All guests found what they must, and nothing is left of them.
void check_contents(Launched const& launched, std::size_t guests) {
    REQUIRE(launched.report.guests().size() == guests);
    for (std::size_t index = 0; index < guests; ++index) {
        INFO("guest " << index);
        CHECK(launched.stop(index).reason == "exit");
        CHECK(launched.stop(index).code == 0);
    }
    CHECK(count_of(launched.console, "all of them hold what they must") == guests);
    REQUIRE(launched.report.end());
    CHECK(launched.report.end()->frames_in_use == 0);
}

/// Violations and memory frames of guest `index` beyond those of guest `base`.
struct Beyond {
    std::uint64_t reads;
    std::uint64_t writes;
    std::uint64_t executes;
    std::uint64_t frames;
    friend bool operator==(Beyond const&, Beyond const&) = default;
};

std::ostream& operator<<(std::ostream& out, Beyond const& beyond) {
    return out << beyond.reads << " reads, " << beyond.writes << " writes, " << beyond.executes
               << " executes, " << beyond.frames << " frames";
}

Beyond beyond(Launched const& launched, std::size_t index, std::size_t base) {
    auto const& more = launched.activity(index);
    auto const& less = launched.activity(base);
    return {more.violations->read - less.violations->read,
            more.violations->write - less.violations->write,
            more.violations->execute - less.violations->execute,
            more.memory_frames - less.memory_frames};
}

vmm::GuestPlan touch(std::string const& pages, std::string const& access,
                     std::string const& pattern) {
    return guest_plan({"touch", pages, "--access", access, "--pattern", pattern, "--stride", "7",
                       "--pattern", pattern, "--passes", "2"});
}

} // namespace

TEST_CASE("each page costs one violation of its kind and one frame, in every pattern") {
    vmm::LaunchPlan plan;
    for (auto const* const access : {"read", "write", "execute"}) {
        plan.guests.push_back(touch("1", access, "sequential"));
        for (auto const* const pattern : {"sequential", "stride", "random"})
            plan.guests.push_back(touch("600", access, pattern));
    }
    auto const launched = launch(plan);
    check_contents(launched, 12);
    for (std::size_t at = 1; at <= 3; ++at) {
        INFO("pattern " << at);
        CHECK(beyond(launched, 0 + at, 0) == Beyond{599, 0, 0, 599});
        CHECK(beyond(launched, 4 + at, 4) == Beyond{0, 599, 0, 599});
        CHECK(beyond(launched, 8 + at, 8) == Beyond{0, 0, 599, 599});
    }
}

TEST_CASE("with memory populated before it starts a guest leaves for no page") {
    vmm::LaunchPlan plan;
    for (auto const* const pattern : {"sequential", "stride", "random"}) {
        for (PageSize const host_page : {page_4k, page_2m}) {
            auto guest = touch("600", "write", pattern);
            guest.populate = abi::Populate::eager;
            guest.host_page = host_page;
            plan.guests.push_back(guest);
        }
    }
    auto const launched = launch(plan);
    check_contents(launched, 6);
    for (std::size_t index = 0; index < 6; ++index) {
        CHECK(launched.activity(index).violations->total() == 0);
        CHECK(launched.activity(index).exits.count("ept_violation") == 0);
        CHECK(launched.activity(index).memory_frames == memory_frames);
        // Root, PDPT and page directory; with small pages a table for each 2 MiB as well.
        std::uint64_t const tables = index % 2 == 0 ? 3 + memory_frames / 512 : 3;
        CHECK(launched.activity(index).table_frames == tables);
    }
}

TEST_CASE("with EPT pages of 2M one violation brings 512 frames, in every pattern") {
    vmm::LaunchPlan plan;
    plan.guests.push_back(touch("1", "write", "sequential"));
    for (auto const* const pattern : {"sequential", "stride", "random"})
        plan.guests.push_back(touch("1536", "write", pattern));
    for (auto& guest : plan.guests)
        guest.host_page = page_2m;
    auto const launched = launch(plan);
    check_contents(launched, 4);
    for (std::size_t index = 1; index < 4; ++index)
        CHECK(beyond(launched, index, 0) == Beyond{0, 3, 0, 3 * 512});
}

TEST_CASE("a guest that touches natively finds its memory as over EPT") {
    for (auto const* const access : {"write", "execute"}) {
        auto const launched = launch({.guests = {touch("600", access, "random")}, .native = true});
        check_contents(launched, 1);
        CHECK(launched.activity(0).violations->total() == 0);
    }
}

TEST_CASE("two runs of the same guests are the same to the tick") {
    vmm::LaunchPlan const plan{.guests = {touch("100", "write", "random"), guest_plan({"hello"}),
                                          guest_plan({"walk", "--map", "all"}),
                                          guest_plan({"exits"})}};
    auto const first = launch(plan);
    auto const second = launch(plan);
    CHECK(first.lines == second.lines);
    CHECK(first.console == second.console);
    CHECK(first.report.end());
}

TEST_CASE("what a guest is asked and cannot do ends it with 2, and its reason") {
    auto const launched =
        launch({.guests = {guest_plan({"touch", "--pattern", "zigzag"}),
                           guest_plan({"touch", "1000000"}), guest_plan({"touch", "--passes", "0"}),
                           guest_plan({"touch", "--frobnicate"}), guest_plan({"walk", "--map"})}});
    REQUIRE(launched.report.guests().size() == 5);
    for (std::size_t index = 0; index < 5; ++index)
        CHECK(launched.stop(index).code == 2);
    for (auto const* const text :
         {"--pattern takes sequential or stride or random, not 'zigzag'",
          "1000000 pages are wanted, and memory has ", "--passes takes a number above 0",
          "unknown argument '--frobnicate'", "--map takes a value"}) {
        INFO(text);
        CHECK(count_of(launched.console, text) == 1);
    }
}

} // namespace touch_test
