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

struct Failing {
    char const* line;
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
        }) {
        FakeBochs const bochs{"", report_with(std::string{line} + "\n" + clean)};
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
