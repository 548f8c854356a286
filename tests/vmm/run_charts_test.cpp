// The charts of `twofold run` show the figures of its report.
#include "report/run_charts.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"

namespace run_charts_test {

using namespace twofold::test;
using namespace twofold::vmm;

namespace {

/// A run with faults by duration, two intervals of a dirty log, and two looks at the working set.
std::string report_with_curves() {
    std::string report = whole_report(0);
    auto const before = [&](char const* what, std::string const& line) {
        report.insert(report.find(what), line);
    };
    before(R"("frames":{)",
           R"("fault_histogram":[{"ticks_from":64,"faults":2},{"ticks_from":128,"faults":1}],)");
    before(R"({"record":"guest_stop")",
           R"({"record":"working_set","guest":0,"pages":313,"shared_pages":4}
{"record":"working_set","guest":0,"pages":12,"shared_pages":0}
{"record":"dirty_pages","guest":0,"interval":0,"pages":17,"digest":"0xabc","ticks_run":5000,"ticks":321}
{"record":"dirty_pages","guest":0,"interval":1,"pages":19,"digest":"0xabc","ticks_run":6000,"ticks":321}
{"record":"dirty_log","guest":0,"means":"dirty_bits","intervals":2,"pages":29,"digest":"0xdef","exits":6,"ticks":900}
)");
    return report;
}

RunReport report_of(std::string const& lines) {
    RunReport report;
    for (std::size_t at = 0; at < lines.size();) {
        auto const end = lines.find('\n', at);
        report.add_line(lines.substr(at, end - at));
        at = end + 1;
    }
    return report;
}

using Points = std::vector<std::pair<double, double>>;

} // namespace

TEST_CASE("the charts of a run have its exits, its faults by duration, and its pages by look") {
    auto const charts = run_charts(report_of(report_with_curves()));
    REQUIRE(charts.size() == 4);
    auto const& exits = std::get<BarChart>(charts[0]);
    CHECK(exits.part_names == std::vector<std::string>{"g"});
    REQUIRE(exits.bars.size() == 1);
    CHECK(exits.bars[0].label == "cpuid");
    CHECK(exits.bars[0].parts == std::vector<double>{3});
    auto const& faults = std::get<BarChart>(charts[1]);
    REQUIRE(faults.bars.size() == 2);
    CHECK(faults.bars[0].label == "64 and more");
    CHECK(faults.bars[0].parts == std::vector<double>{2});
    CHECK(std::get<CurveChart>(charts[2]).curves[0].points == Points{{0, 17}, {1, 19}});
    CHECK(std::get<CurveChart>(charts[3]).curves[0].points == Points{{0, 313}, {1, 12}});
}

TEST_CASE("what a run does not have is not drawn, and nothing at all is a failure") {
    CHECK(run_charts(report_of(whole_report(0))).size() == 1);
    CHECK(holds(failure_of([] { run_charts(RunReport{}); }), {"--plot", "no guest"}));

    FakeBochs const bochs{"", report_with_curves()};
    auto const file = bochs.path() / "run.svg";
    auto const drawn = bochs.run({"run", "g", "--quiet", "--plot", file.string()});
    CHECK(drawn.err == "");
    CHECK(drawn.status == 0);
    CHECK(holds(contents_of(file),
                {"<svg", "Exits by reason", "Working set", "interval of the dirty log", "</svg>"}));
}

} // namespace run_charts_test
