// What the command makes of the hypervisor's audits.
#include "tests/catch.hpp"
#include "tests/support/fake_bochs.hpp"

namespace audit_test {

using namespace twofold::test;

namespace {

/// whole_report() with one more line before its end.
std::string report_with(std::string const& line) {
    std::string report = whole_report(0);
    report.insert(report.find(R"({"record":"end")"), line + "\n");
    return report;
}

bool has(std::string const& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

constexpr char const* clean =
    R"({"record":"audit","frames":2048,"spaces":1,"references":99,"mismatches":0,"faults":0})";

/// Of an audit with one finding about slots, of which the rest is `first`.
std::string slots_line(std::string const& first) {
    return R"({"record":"audit","frames":8,"spaces":1,"references":9,"mismatches":0,"faults":0,)"
           R"("slots":{"audited":512,"used":4,"references":9,"mismatches":1,"first":{"what":)" +
           first + "}}}";
}

struct Failing {
    std::string line;
    char const* complaint;
};

} // namespace

TEST_CASE("an audit that finds nothing is a line of the report, and is in the JSON") {
    FakeBochs const bochs{"", report_with(clean)};
    auto const text = bochs.run({"run", "g"});
    INFO(text.err);
    CHECK(text.status == 0);
    CHECK(has(text.err, "frames audited"));
    CHECK(has(text.err, "in 1 audits, 0 mismatches"));
    auto const json = bochs.run({"run", "g", "--json", "-"}).out;
    for (auto const* const part :
         {R"("frames": 2048)", R"("references": 99)", R"("mismatches": 0)", R"("first": null)"}) {
        INFO(json);
        CHECK(has(json, part));
    }
}

TEST_CASE("what an audit says of the swap disk's slots is a line of its own") {
    FakeBochs const bochs{
        "",
        report_with(
            R"({"record":"audit","frames":2048,"spaces":1,"references":99,"mismatches":0,"faults":0,"slots":{"audited":8192,"used":77,"references":80,"mismatches":0}})")};
    auto const text = bochs.run({"run", "g"});
    INFO(text.err);
    CHECK(text.status == 0);
    CHECK(has(text.err, "swap slots audited"));
    CHECK(has(text.err, "77 in use at most, 0 mismatches"));
    CHECK(has(bochs.run({"run", "g", "--json", "-"}).out, R"("audited": 8192)"));
}

TEST_CASE("an audit that finds something makes the command fail, and is told in words") {
    for (
        auto const& [line, complaint] : {
            Failing{
                R"({"record":"audit","frames":2048,"spaces":1,"references":9,"mismatches":3,"faults":0,"first":{"what":"wrong_count","frame":"0x7000","level":1,"counted":2,"found":1}})",
                "the audit of 2,048 frames has found 3 mismatches; the first: frame 0x7000 has 2 "
                "references of level 1 by its count, and 1 entries point to it\n"},
            Failing{
                R"({"record":"audit","frames":8,"spaces":1,"references":9,"mismatches":1,"faults":0,"first":{"what":"foreign_memory","frame":"0x100000","level":2,"counted":0,"found":0}})",
                "frame 0x100000 is mapped, and is no memory of the guests'"},
            Failing{
                R"({"record":"audit","frames":8,"spaces":1,"references":9,"mismatches":1,"faults":0,"first":{"what":"table_as_memory","frame":"0x9000","level":1,"counted":0,"found":0}})",
                "frame 0x9000 is mapped, and is the hypervisor's or an EPT table"},
            Failing{
                R"({"record":"audit","frames":8,"spaces":1,"references":9,"mismatches":1,"faults":0,"first":{"what":"writable_and_shared","frame":"0x9000","level":1,"counted":0,"found":0}})",
                "frame 0x9000 may be written through one entry, and is mapped by another"},
            Failing{
                R"({"record":"audit","frames":8,"spaces":1,"references":9,"mismatches":0,"faults":2})",
                "0 mismatches; 2 times a frame was to be handed out, shared or given back against "
                "its count"},
            Failing{slots_line(R"("wrong_count","slot":5,"counted":2,"found":0)"),
                    "the audit of 512 swap slots has found 1 mismatches; the first: slot 5 has 2 "
                    "references by its count, and 0 entries name it\n"},
            Failing{slots_line(R"("free_slot","slot":5,"counted":0,"found":0)"),
                    "slot 5 is named by an entry, and free"},
            Failing{slots_line(R"("foreign_slot","slot":600,"counted":0,"found":0)"),
                    "slot 600 is named by an entry, and is none of the disk's"},
            Failing{slots_line(R"("wrong_total","slot":512,"counted":3,"found":4)"),
                    "3 are in use by the count of all, and 4 by their own"},
        }) {
        FakeBochs const bochs{"", report_with(line + "\n" + clean)};
        auto const result = bochs.run({"run", "g", "--json", "-"});
        INFO(result.err);
        CHECK(result.status == 1);
        CHECK(has(result.err, complaint));
        CHECK(has(result.out, R"("failure": "the audit of )"));
        CHECK(has(result.out, R"("exit_status": 1)"));
    }
}

TEST_CASE("an audit's record that lacks something is refused, with its line") {
    FakeBochs const bochs{"", report_with(R"({"record":"audit","frames":2048})")};
    auto const result = bochs.run({"run", "g"});
    CHECK(result.status == 1);
    CHECK(has(result.err, "line 4 of the hypervisor's report is malformed: audit.spaces"));
}

} // namespace audit_test
