#include "report/fields.hpp"
#include "report/record_reader.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"

#include <nlohmann/json.hpp>

namespace record_reader_test {

using namespace twofold;
using namespace twofold::vmm;
using Json = nlohmann::json;

namespace {

constexpr char const* boot_line =
    R"({"record":"boot","processor":"Ice Lake","memory_bytes":67108864,"phases":[{"name":"a","ticks":1},{"name":"b","ticks":2}]})";
constexpr char const* missing_line =
    R"({"record":"capability_missing","capability":"EPT","where":"IA32_VMX_PROCBASED_CTLS2[33]","meaning":"no guest"})";
constexpr char const* start_line =
    R"({"record":"guest_start","guest":0,"name":"hello","memory_bytes":4096,"guest_page":"0x1000","host_page":"0x200000","populate":"lazy","native":false,"ticks_to_entry":99})";
constexpr char const* walk_line =
    R"({"record":"walk","guest":0,"gva":"0x1","gpa":"0x2","hpa":"0x3","page_size":"0x1000","guest_page":"0x200000","host_page":"0x1000","native":false,"references":[{"dimension":"ept","level":4,"address":"0x10","entry":"0x11"},{"dimension":"guest","level":4,"address":"0x20","entry":"0xffffffffffffffff","gpa":"0x21"}]})";
constexpr char const* fault_line =
    R"({"record":"walk","guest":0,"gva":"0x1","native":false,"references":[],"fault":{"dimension":"guest","level":3,"reason":"not_present"}})";
constexpr char const* figure_line =
    R"({"record":"figure","guest":0,"name":"cpuid_exit","unit":"ticks","value":80})";
constexpr char const* stop_line =
    R"({"record":"guest_stop","guest":0,"name":"hello","reason":"exit","code":3,"message":"","rip":"0x400000","ticks":5,"exits":{"cpuid":1},"frames":{"memory":2,"tables":3},"violations":{"read":1,"write":2,"execute":3,"during_walk":4,"ticks":5,"ticks_min":6,"ticks_max":7}})";
constexpr char const* kvm_boot_line =
    R"({"record":"boot","engine":"kvm","processor":"Ice Lake","memory_bytes":67108864,"phases":[]})";
constexpr char const* kvm_stop_line =
    R"({"record":"guest_stop","guest":0,"name":"hello","reason":"exit","code":3,"message":"","rip":"0x400000","ticks":5,"exits":{"io":1},"frames":{"memory":2},"userfaults":{"read":1,"write":2,"ticks":5,"ticks_min":6,"ticks_max":7}})";
constexpr char const* swap_disk_line = R"({"record":"swap_disk","sectors":16384,"pages_proven":2})";
constexpr char const* error_line = R"({"record":"error","message":"no bundle"})";
constexpr char const* panic_line =
    R"({"record":"panic","vector":14,"name":"page fault","rip":"0x1","error_code":"0x2","cr2":"0x3","message":"m"})";
constexpr char const* end_line = R"({"record":"end","frames_in_use":0})";

} // namespace

TEST_CASE("each kind of record is read with all its members") {
    auto const boot = std::get<record::Boot>(parse_record(boot_line));
    CHECK(boot.processor == "Ice Lake");
    REQUIRE(boot.phases.size() == 2);
    CHECK(boot.phases[1].ticks == 2);

    auto const missing = std::get<record::CapabilityMissing>(parse_record(missing_line));
    CHECK(missing.capability == "EPT");

    auto const start = std::get<record::GuestStart>(parse_record(start_line));
    CHECK(start.name == "hello");
    CHECK(start.guest_page == page_4k);
    CHECK(start.host_page == page_2m);
    CHECK(start.ticks_to_entry == 99);

    auto const walk = std::get<record::Walk>(parse_record(walk_line));
    CHECK(walk.gpa == 2U);
    REQUIRE(walk.references.size() == 2);
    CHECK(walk.references[0].dimension == Dimension::ept);
    CHECK(walk.references[1].entry == ~std::uint64_t{0});
    CHECK(walk.references[1].gpa == 0x21U);

    auto const fault = std::get<record::Walk>(parse_record(fault_line));
    REQUIRE(fault.fault);
    CHECK(fault.fault->level == 3);

    CHECK(std::get<record::Figure>(parse_record(figure_line)).value == 80);
    auto const stop = std::get<record::GuestStop>(parse_record(stop_line));
    CHECK(stop.code == 3);
    REQUIRE(stop.activity);
    CHECK(stop.activity->exits.at("cpuid") == 1);
    CHECK(stop.activity->violations.value().total() == 6);
    CHECK(stop.activity->table_frames == 3);
    CHECK(std::get<record::Error>(parse_record(error_line)).message == "no bundle");
    CHECK(std::get<record::Panic>(parse_record(panic_line)).vector == 14);
    CHECK(std::get<record::End>(parse_record(end_line)).frames_in_use == 0);
}

TEST_CASE("the hypervisor tells of its violations and tables, KVM's engine of its own faults") {
    CHECK(std::get<record::Boot>(parse_record(boot_line)).origin ==
          record::ReportOrigin::hypervisor);
    CHECK(std::get<record::Boot>(parse_record(kvm_boot_line)).origin == record::ReportOrigin::kvm);
    CHECK_THROWS_WITH(
        parse_record(
            R"({"record":"boot","engine":"tcg","processor":"p","memory_bytes":1,"phases":[]})"),
        "boot.engine must be \"kvm\" or left out");
    auto const stop = std::get<record::GuestStop>(parse_record(kvm_stop_line));
    CHECK(stop.activity->userfaults.value().total() == 3);
    CHECK_FALSE(stop.activity->violations);
    CHECK_FALSE(stop.activity->table_frames);
    CHECK_FALSE(
        std::get<record::GuestStop>(parse_record(stop_line)).activity->userfaults.has_value());
    auto const disk = std::get<record::SwapDisk>(parse_record(swap_disk_line));
    CHECK(disk.sectors == 16384);
    CHECK(disk.pages_proven == 2);
}

TEST_CASE("members that are not known are left alone") {
    CHECK_NOTHROW(parse_record(R"({"record":"end","frames_in_use":0,"more":[1]})"));
}

TEST_CASE("a record that lacks any of its members is malformed, and the member is named") {
    for (auto const* const line :
         {boot_line, missing_line, start_line, walk_line, figure_line, stop_line, kvm_boot_line,
          kvm_stop_line, swap_disk_line, error_line, panic_line, end_line}) {
        Json const whole = Json::parse(line);
        for (auto const& [key, value] : whole.items()) {
            // Natively there is no EPT page, and nobody counts the ticks before the guest.
            if (key == "host_page" || key == "ticks_to_entry") continue;
            if (key == "engine") continue; // it is the hypervisor's without it
            Json cut = whole;
            cut.erase(key);
            INFO(cut.dump());
            CHECK_THROWS_AS(parse_record(cut.dump()), MalformedRecord);
        }
    }
    CHECK_THROWS_WITH(parse_record(R"({"record":"figure","guest":0,"name":"n","unit":"ticks"})"),
                      "figure.value is missing");
}

TEST_CASE("a member of another type is malformed") {
    for (auto const* const line :
         {boot_line, missing_line, start_line, walk_line, figure_line, stop_line, kvm_boot_line,
          kvm_stop_line, swap_disk_line, error_line, panic_line, end_line}) {
        Json const whole = Json::parse(line);
        for (auto const& [key, value] : whole.items()) {
            Json bent = whole;
            bent[key] = nullptr;
            INFO(bent.dump());
            CHECK_THROWS_AS(parse_record(bent.dump()), MalformedRecord);
        }
    }
}

TEST_CASE("numbers out of their range are malformed") {
    auto const bent = [](char const* line, char const* pointer, Json value) {
        Json json = Json::parse(line);
        json[Json::json_pointer{pointer}] = std::move(value);
        return json.dump();
    };
    for (auto const& line :
         {bent(walk_line, "/references/0/level", 0), bent(walk_line, "/references/0/level", 6),
          bent(walk_line, "/references/0/dimension", "host"),
          bent(walk_line, "/references/0/entry", "0x10000000000000000"),
          bent(walk_line, "/references/0/entry", "17"), bent(walk_line, "/gva", "0x"),
          bent(walk_line, "/gva", "0x1g"), bent(walk_line, "/page_size", "0x1001"),
          bent(stop_line, "/code", 256), bent(stop_line, "/ticks", -1),
          bent(stop_line, "/ticks", 1.5), bent(stop_line, "/exits/cpuid", "one")}) {
        INFO(line);
        CHECK_THROWS_AS(parse_record(line), MalformedRecord);
    }
    auto const line = bent(walk_line, "/references/1/entry", 5);
    CHECK(test::holds(test::failure_of([&] { return parse_record(line); }),
                      {"walk.references[1].entry must be a number"}));
}

TEST_CASE("what is not one JSON object is malformed") {
    for (auto const* const line :
         {"", "{", "[]", "7", "null", "hello", R"({"record":"end","frames_in_use":0} x)",
          R"({"record":"end","frames_in_use":0}{"record":"end","frames_in_use":0})",
          "{\"record\":\"error\",\"message\":\"\xff\"}", R"({"record":"unheard_of"})",
          R"({"frames_in_use":0})"}) {
        INFO(line);
        CHECK_THROWS_AS(parse_record(line), MalformedRecord);
    }
}

TEST_CASE("every prefix of a line is malformed") {
    std::string_view const line = stop_line;
    for (std::size_t length = 0; length < line.size(); ++length)
        CHECK_THROWS_AS(parse_record(line.substr(0, length)), MalformedRecord);
}

} // namespace record_reader_test
