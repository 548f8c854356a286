// Processors that lack something: the report says what, where it was looked for, and what that
// means; one that lacks only what is not needed runs guests.
#include "catch.hpp"
#include "support/command.hpp"
#include "support/failure_text.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace processor_test {

namespace {

using namespace twofold::test;

CommandResult run_hello(std::vector<std::string> more) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run", "hello", "--memory", "8M"};
    std::ranges::copy(more, std::back_inserter(words));
    return run_command({.words = words});
}

std::size_t missing(std::string const& text) {
    std::size_t count = 0;
    for (auto at = text.find("missing: "); at != text.npos; at = text.find("missing: ", at + 1))
        ++count;
    return count;
}

void check_missing(std::vector<std::string> how, std::size_t count,
                   std::vector<std::string_view> const& said) {
    auto const result = run_hello(std::move(how));
    INFO(result.err);
    CHECK(result.status == 1);
    CHECK(result.out.empty());
    CHECK(missing(result.err) == count);
    for (auto const part : said)
        CHECK(result.err.find(part) != std::string::npos);
    CHECK(holds(result.err, {"this processor can't run the hypervisor"}));
}

} // namespace

TEST_CASE("a processor without VT-x is told so, in Bochs and in QEMU") {
    std::vector<std::string_view> const said{"VT-x (CPUID.1:ECX[5])", "take an Intel processor"};
    check_missing({"--cpu", "athlon64_venice"}, 1, said);
    check_missing({"--engine", "qemu"}, 1, said);
    check_missing({"--engine", "qemu", "--cpu", "EPYC"}, 1, said);
}

TEST_CASE("a processor with VT-x and without EPT is told everything that it lacks, at once") {
    check_missing({"--cpu", "core2_penryn_t9600"}, 7,
                  {"EPT (IA32_VMX_PROCBASED_CTLS2[33])", "no second dimension of paging",
                   "VPID (IA32_VMX_PROCBASED_CTLS2[37])",
                   "preemption timer (IA32_VMX_TRUE_PINBASED_CTLS[38])", "could not be stopped"});
}

TEST_CASE("a processor that lacks one capability is told that one") {
    check_missing({"--cpu", "corei5_lynnfield_750"}, 1,
                  {"unrestricted guest (IA32_VMX_PROCBASED_CTLS2[39])", "Westmere"});
}

TEST_CASE("EPT pages of 1 GiB are missed only by who asks for them") {
    std::vector<std::string> const large{
        "--cpu", "corei5_lynnfield_750", "--host-page", "1g", "--memory", "1G"};
    check_missing(large, 2,
                  {"EPT pages of 1 GiB (IA32_VMX_EPT_VPID_CAP[17])", "take --host-page 2m or 4k"});
}

TEST_CASE("a processor whose EPT has no accessed and dirty bits runs guests") {
    for (auto const* const model : {"corei5_arrandale_m520", "corei7_sandy_bridge_2600k"}) {
        auto const result = run_hello({"--cpu", model});
        INFO(result.err);
        CHECK(result.status == 0);
        CHECK(holds(result.out, {"hello from hello"}));
    }
}

TEST_CASE("a processor without 64-bit mode is told so") {
    auto const result = run_hello({"--cpu", "p4_willamette"});
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"no 64-bit mode", "80000001h"}));
}

TEST_CASE("an image that was written boots in QEMU, which ends by itself") {
    TemporaryDirectory const directory;
    auto const disk = directory.file("disk.img").string();
    auto const report = directory.file("report").string();
    REQUIRE(run_command({.words = {TWOFOLD_COMMAND, "image", "hello", "-o", disk}}).status == 0);
    auto const result = run_command({.words = {"timeout",
                                               "60",
                                               "qemu-system-x86_64",
                                               "-nodefaults",
                                               "-machine",
                                               "pc",
                                               "-accel",
                                               "tcg",
                                               "-cpu",
                                               "max",
                                               "-m",
                                               "128M",
                                               "-display",
                                               "none",
                                               "-drive",
                                               "file=" + disk + ",format=raw,if=ide",
                                               "-serial",
                                               "null",
                                               "-serial",
                                               "file:" + report}});
    INFO(result.err);
    CHECK(result.status == 0);
    auto const text = contents_of(report);
    CHECK(holds(text, {"\"capability_missing\"", "\"VT-x\"", "{\"record\":\"end\""}));
    CHECK(text.find("guest_start") == std::string::npos);
}

} // namespace processor_test
