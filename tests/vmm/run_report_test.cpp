#include "report/fields.hpp"
#include "report/run_report.hpp"
#include "tests/catch.hpp"

#include <fmt/format.h>

namespace run_report_test {

using namespace twofold::vmm;

namespace {

std::string start(unsigned guest) {
    return fmt::format(
        R"({{"record":"guest_start","guest":{},"name":"g{}","memory_bytes":4096,"guest_page":"0x1000","populate":"lazy","native":true,"ticks_to_entry":{}}})",
        guest, guest, 100 + guest);
}

std::string stop(unsigned guest) {
    return fmt::format(
        R"({{"record":"guest_stop","guest":{},"name":"g{}","reason":"exit","code":0,"message":"","rip":"0x0","ticks":5,"exits":{{}},"frames":{{"memory":0,"tables":0}},"violations":{{"read":0,"write":0,"execute":0,"during_walk":0,"ticks":0,"ticks_min":0,"ticks_max":0}}}})",
        guest, guest);
}

std::string figure(unsigned guest) {
    return fmt::format(R"({{"record":"figure","guest":{},"name":"n","unit":"ticks","value":1}})",
                       guest);
}

constexpr char const* end = R"({"record":"end","frames_in_use":0})";
constexpr char const* boot = R"({"record":"boot","processor":"p","memory_bytes":1,"phases":[]})";

} // namespace

TEST_CASE("a report keeps each guest's records together and ends with its last record") {
    RunReport report;
    for (auto const& line : {std::string{boot}, start(0), figure(0), stop(0), start(1), stop(1)})
        CHECK(report.add_line(line));
    CHECK_FALSE(report.end());
    CHECK_FALSE(report.add_line(end));
    REQUIRE(report.guests().size() == 2);
    CHECK(report.guests()[0].figures.size() == 1);
    CHECK(report.guests()[1].stop);
    CHECK(report.ticks_to_first_guest() == 100U);
}

TEST_CASE("the phases of the boot and the making of the guest add up to its first instruction") {
    RunReport report;
    report.add_line(R"({"record":"boot","processor":"p","memory_bytes":1,"phases":[)"
                    R"({"name":"a","ticks":30},{"name":"b","ticks":45}]})");
    CHECK_FALSE(report.ticks_to_make_first_guest());
    report.add_line(start(0));
    CHECK(report.ticks_to_make_first_guest() == 25U);
}

TEST_CASE("guests that run at once are kept apart, in the order of their numbers") {
    RunReport report;
    for (auto const& line :
         {start(0), start(3), figure(3), start(2), stop(0), figure(3), stop(3), stop(2)})
        CHECK(report.add_line(line));
    REQUIRE(report.guests().size() == 3);
    CHECK(report.guests()[1].number == 2);
    CHECK(report.guests()[1].figures.empty());
    CHECK(report.guests()[2].number == 3);
    CHECK(report.guests()[2].figures.size() == 2);
}

TEST_CASE("a guest that could not be loaded stops without having started") {
    RunReport report;
    report.add_line(stop(0));
    REQUIRE(report.guests().size() == 1);
    CHECK(report.guests()[0].name == "g0");
    CHECK_FALSE(report.guests()[0].start);
    CHECK_FALSE(report.ticks_to_first_guest());
}

TEST_CASE("the hypervisor has one pool of frames, and under KVM each guest's frames add up") {
    constexpr char const* memory =
        R"({"record":"memory","frames":3,"frames_limit":8,"overcommit_percent":0,"promised_most":5,"reclaimed":2,"reclaims":1,"reclaim_ticks":9})";
    RunReport hypervisor;
    hypervisor.add_line(boot);
    hypervisor.add_line(memory);
    CHECK_THROWS_AS(hypervisor.add_line(memory), MalformedRecord);

    RunReport kvm;
    kvm.add_line(
        R"({"record":"boot","engine":"kvm","processor":"p","memory_bytes":1,"phases":[]})");
    kvm.add_line(memory);
    kvm.add_line(memory);
    REQUIRE(kvm.memory());
    CHECK(kvm.memory()->frames == 6);
    CHECK(kvm.memory()->frames_limit == 16);
    CHECK(kvm.memory()->reclaimed == 4);
}

TEST_CASE("records in an order that cannot be are malformed") {
    SECTION("a figure before its guest starts") {
        RunReport report;
        CHECK_THROWS_AS(report.add_line(figure(0)), MalformedRecord);
    }
    SECTION("a figure after its guest stopped") {
        RunReport report;
        report.add_line(start(0));
        report.add_line(stop(0));
        CHECK_THROWS_AS(report.add_line(figure(0)), MalformedRecord);
    }
    SECTION("a figure of another guest") {
        RunReport report;
        report.add_line(start(0));
        CHECK_THROWS_AS(report.add_line(figure(1)), MalformedRecord);
    }
    SECTION("a guest that starts twice") {
        RunReport report;
        report.add_line(start(1));
        CHECK_THROWS_AS(report.add_line(start(1)), MalformedRecord);
        report.add_line(stop(1));
        CHECK_THROWS_AS(report.add_line(start(1)), MalformedRecord);
    }
    SECTION("a guest that stops twice") {
        RunReport report;
        report.add_line(start(0));
        report.add_line(stop(0));
        CHECK_THROWS_AS(report.add_line(stop(0)), MalformedRecord);
    }
    SECTION("a second boot") {
        RunReport report;
        report.add_line(boot);
        CHECK_THROWS_AS(report.add_line(boot), MalformedRecord);
    }
    SECTION("anything after the end") {
        RunReport report;
        report.add_line(end);
        CHECK_THROWS_AS(report.add_line(boot), MalformedRecord);
    }
}

} // namespace run_report_test
