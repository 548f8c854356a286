// The built command with an engine that behaves in a chosen way.
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace engine_test {

using namespace twofold::test;

TEST_CASE("a command without a report says why a guest did not end by itself") {
    std::string report = whole_report(1);
    std::string const ended = R"("reason":"exit")";
    report.replace(report.find(ended), ended.size(), R"("reason":"triple_fault")");
    FakeBochs const bochs{"", report};
    auto const walked = bochs.run({"walk", "g"});
    CHECK(walked.status == 1);
    // Once over EPT and once natively.
    CHECK(walked.err ==
          "g: triple fault at rip 0x400000\nnatively g: triple fault at rip 0x400000\n");
    auto const tables = bochs.run({"walk", "g", "--gva", "0"});
    CHECK(tables.err == "g: triple fault at rip 0x400000\n");
    auto const explored = bochs.run({"explore", "g", "-o", (bochs.path() / "e.html").string()});
    CHECK(explored.err == "g: triple fault at rip 0x400000\n");
    CHECK(FakeBochs{"", whole_report(3)}.run({"walk", "g"}).err == "");
}

TEST_CASE("run exits with the guest's code, its console on standard output, the report beside it") {
    FakeBochs const bochs{"Hello\x1b[31m\n", whole_report(7)};
    auto const result = bochs.run({"run", "g"});
    CHECK(result.status == 7);
    CHECK(result.out == "Hello\\x1b[31m\n");
    CHECK(
        holds(result.err, {"g: exit 7", "EPT violations", "6", "700", "600 the least",
                           "900 the most", "frames for EPT tables", "cpuid", "77", "memory map"}));
    auto const quiet = bochs.run({"run", "g", "--quiet", "--raw"});
    CHECK(quiet.status == 7);
    CHECK(quiet.out == "Hello\x1b[31m\n");
    CHECK(quiet.err.empty());
}

TEST_CASE("run --json writes one whole document") {
    FakeBochs const bochs{"Hello\n", whole_report(0)};
    auto const to_output = bochs.run({"run", "g", "--json", "-", "--", "a", "--b"});
    CHECK(to_output.status == 0);
    CHECK(to_output.err == "Hello\n");
    auto const json = nlohmann::json::parse(to_output.out);
    CHECK(json["console"] == "Hello\n");
    CHECK(json["exit_status"] == 0);
    CHECK(json["arguments"] == nlohmann::json{"g", "a", "--b"});
    CHECK(json["guests"][0]["stop"]["violations"]["ticks"] == 4200);

    auto const file = (bochs.path() / "run.json").string();
    auto const to_file = bochs.run({"run", "g", "--json", file});
    CHECK(to_file.out == "Hello\n");
    CHECK(nlohmann::json::parse(contents_of(file))["end"]["frames_in_use"] == 0);

    auto const full = bochs.run({"run", "g", "--json", "/dev/full"});
    CHECK(full.status == 1);
    CHECK(holds(full.err, {"/dev/full", "No space left"}));
}

TEST_CASE("a report that does not end is a failure that shows the engine's last words") {
    auto const whole = whole_report(0);
    for (auto const end : {std::size_t{0}, whole.find(R"({"record":"end")")}) {
        FakeBochs const bochs{"Hello\n", whole.substr(0, end), "exit 9"};
        auto const result = bochs.run({"run", "g"});
        INFO(result.err);
        CHECK(result.status == 1);
        CHECK(result.out == "Hello\n");
        CHECK(holds(result.err,
                    {"before the hypervisor's report did", "status 9", "the engine's own words"}));
    }
}

TEST_CASE("a malformed line is a failure that shows line and reason") {
    FakeBochs const bochs{"", "{\"record\":\"error\",\"message\":\"m\"}\n{\"record\":\"\x1b\"}\n",
                          "sleep 60"};
    auto const result = bochs.run({"run", "g"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"line 2", "malformed", "not JSON", "\\x1b"}));
}

TEST_CASE("what the hypervisor can't do is said with its reason") {
    FakeBochs const missing{
        "",
        R"({"record":"capability_missing","capability":"VT-x","where":"CPUID.1:ECX[5]","meaning":"no guest can be entered"}
{"record":"end","frames_in_use":0}
)"};
    auto const without = missing.run({"run", "g"});
    CHECK(without.status == 1);
    CHECK(holds(without.err,
                {"VT-x", "CPUID.1:ECX[5]", "no guest can be entered", "can't run the hypervisor"}));

    FakeBochs const panicking{
        "",
        R"({"record":"panic","vector":14,"name":"page fault","rip":"0x101000","error_code":"0x2","cr2":"0x30","message":"write to read-only memory"}
{"record":"end","frames_in_use":0}
)"};
    auto const panic = panicking.run({"run", "g"});
    CHECK(panic.status == 1);
    CHECK(holds(panic.err, {"panicked", "page fault", "0x101000", "cr2 0x30", "read-only"}));
}

TEST_CASE("frames that stay in use are a failure even when the guest succeeded") {
    std::string report = whole_report(0);
    report.replace(report.rfind(":0}"), 3, ":3}");
    FakeBochs const bochs{"", report};
    auto const result = bochs.run({"run", "g"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"3 frames were still in use"}));
}

TEST_CASE("an engine that does not stop after the report is stopped") {
    FakeBochs const bochs{"Hello\n", whole_report(0), "sleep 600"};
    CHECK(bochs.run({"run", "g"}).status == 0);
}

TEST_CASE("an engine that is missing or can't start is a failure that says how to get it") {
    FakeBochs const bochs{"", whole_report(0)};
    auto command = bochs.command({"run", "g"});
    command.environment["TWOFOLD_BOCHS"] = "no-such-bochs";
    auto const missing = run_command(command);
    CHECK(missing.status == 1);
    CHECK(holds(missing.err, {"no-such-bochs", "apt-get install bochs"}));

    command.environment["TWOFOLD_BOCHS"] = "";
    command.environment["PATH"] = "/nowhere";
    auto const not_in_path = run_command(command);
    CHECK(not_in_path.status == 1);
    CHECK(holds(not_in_path.err, {"bochs-bin", "apt-get install bochs"}));

    command = bochs.command({"run", "g"});
    command.environment["TWOFOLD_BOCHS_FIRMWARE"] = "/nowhere";
    auto const no_firmware = run_command(command);
    CHECK(no_firmware.status == 1);
    CHECK(holds(no_firmware.err, {"/nowhere/BIOS-bochs-latest", "is missing", "bochsbios"}));

    command = bochs.command({"run", "g"});
    command.environment["TWOFOLD_HYPERVISOR"] = bochs.guest_file().string();
    auto const no_hypervisor = run_command(command);
    CHECK(no_hypervisor.status == 1);
    CHECK(holds(no_hypervisor.err, {"g.elf", "hypervisor image"}));
}

TEST_CASE("a closed or full standard output ends the run without a hang") {
    FakeBochs const bochs{"Hello\n", whole_report(0), "sleep 600"};
    auto command = bochs.command({"run", "g"});
    command.output_file = "/dev/full";
    auto const full = run_command(command);
    CHECK(full.status == 1);
    CHECK(holds(full.err, {"standard output", "No space left"}));

    auto piped = bochs.command({});
    piped.words = {"sh", "-c", "{ " TWOFOLD_COMMAND " run g; echo $? >&2; } | true"};
    CHECK(run_command(piped).err == "141\n");

    piped.words = {"sh", "-c", TWOFOLD_COMMAND " run g --quiet >&- 2>&-; echo $?"};
    CHECK(run_command(piped).out == "0\n");
}

} // namespace engine_test
