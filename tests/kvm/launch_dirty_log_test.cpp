// The log of written pages that a launch asks for, under KVM: the sets are those that the
// hypervisor finds in Bochs.
#include "kvm/logging_means.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/without_kvm.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace kvm_launch_dirty_log_test {

using namespace twofold;
using namespace twofold::test;
using Json = nlohmann::json;

namespace {

/// As --dirty-log has it, for what this machine's KVM does.
char const* means_here() {
    return vmm::kvm::logging_means() == abi::DirtyLogging::write_protection ? "write-protection"
                                                                            : "pml";
}

CommandResult launch(std::string const& engine, std::vector<std::string> const& guest,
                     char const* means = means_here()) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run", "--engine", engine,
                                   "--dirty-log",   means, "--json",   "-"};
    words.insert(words.end(), guest.begin(), guest.end());
    return run_command({.words = std::move(words)});
}

Json logged(std::string const& engine, std::vector<std::string> const& guest) {
    auto const result = launch(engine, guest);
    INFO(result.err);
    REQUIRE_FALSE(result.out.empty());
    auto run = Json::parse(result.out);
    REQUIRE(run["failure"].is_null());
    return run;
}

/// Of each guest from `first` on, how many pages it wrote, and which.
std::vector<std::pair<std::uint64_t, std::string>> sets(Json const& run, std::size_t first = 0) {
    std::vector<std::pair<std::uint64_t, std::string>> all;
    for (std::size_t n = first; n < run["guests"].size(); ++n) {
        Json const& guest = run["guests"][n];
        INFO(guest.dump());
        CHECK(guest["stop"]["code"] == 0);
        all.emplace_back(guest["dirty_log"]["pages"], guest["dirty_log"]["digest"]);
    }
    return all;
}

/// The kernel of a host without VT-x emulates what a guest does in ring 0, each instruction for a
/// microsecond: a few words of each page make it as dirty as all.
std::vector<std::string> pressure_of(std::string const& pages,
                                     std::vector<std::string> const& options = {}) {
    std::vector<std::string> words{"pressure", "--memory", "16M",     "--",
                                   "--pages",  pages,      "--words", "8"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
}

std::vector<std::string> const pressure = pressure_of("300");

std::vector<std::string> with(std::vector<std::string> guest,
                              std::vector<std::string> const& options) {
    guest.insert(guest.begin() + 1, options.begin(), options.end());
    return guest;
}

} // namespace

TEST_CASE("a dirty log of a whole run has the same pages under KVM as in Bochs") {
    if (without_kvm()) return;
    for (std::vector<std::string> const& guest : {
             std::vector<std::string>{"hello"},
             {"walk"},
             {"board"},
             pressure,
             with(pressure, {"--populate", "eager"}),
             pressure_of("300", {"--release", "50"}),
             {"twins", "--merge", "offered", "--", "--alone"},
             with(pressure, {"--clones", "2"}),
         }) {
        CAPTURE(guest);
        auto const kvm = logged("kvm", guest);
        auto const found = sets(kvm);
        CHECK(found == sets(logged("bochs", guest)));
        CHECK(found.front().first > 8);
        auto const& log = kvm["guests"][0]["dirty_log"];
        CHECK(log["exits"].is_null());
        CHECK(log["ticks"] > 0);
        REQUIRE(log["intervals"].size() == 1);
        CHECK(log["intervals"][0]["digest"] == log["digest"]);
        CHECK(log["intervals"][0]["ticks_run"] == kvm["guests"][0]["stop"]["ticks"]);
    }
    // And another set where the guest does something else.
    CHECK(sets(logged("kvm", pressure_of("299"))) != sets(logged("kvm", pressure)));
}

TEST_CASE("clones that guests ask for have dirty logs of their own under KVM, equal to those in "
          "Bochs where walks do not count as writes") {
    if (without_kvm()) return;
    std::vector<std::string> const guest{"clone", "--memory", "8M", "--", "--pages", "200"};
    auto const kvm = sets(logged("kvm", guest), 1);
    REQUIRE(kvm.size() == 2);
    auto const by_protection = [&](std::vector<std::string> const& options) {
        auto const run = launch("bochs", with(guest, options), "write-protection");
        return sets(Json::parse(run.out), 1);
    };
    CHECK(kvm == by_protection({"--ept-ad", "off"}));
    CHECK(kvm != by_protection({}));
}

TEST_CASE("a dirty log under KVM has the same pages however often it is collected, the guest is "
          "put back, and pages leave for the swap file") {
    if (without_kvm()) return;
    auto const expected = sets(logged("kvm", pressure));
    auto const often = logged("kvm", with(pressure, {"--dirty-log-every", "5"}));
    CHECK(sets(often) == expected);
    auto const& log = often["guests"][0]["dirty_log"];
    REQUIRE(log["intervals"].size() > 3);
    std::uint64_t written = 0;
    std::uint64_t ticks = 0;
    for (Json const& interval : log["intervals"]) {
        CHECK(interval["pages"] <= log["pages"]);
        CHECK(interval["ticks_run"] >= ticks);
        ticks = interval["ticks_run"];
        written += interval["pages"].get<std::uint64_t>();
    }
    CHECK(written > log["pages"]);

    CHECK(sets(logged("kvm", with(pressure, {"--repeat", "3"}))) == expected);
    auto const processes =
        sets(logged("kvm", with(pressure, {"--clones", "2", "--clones-as", "processes"})));
    CHECK(processes == decltype(processes){3, expected[0]});
    std::vector<std::string> const large{"pressure", "--memory", "8M",      "--",
                                         "--pages",  "640",      "--words", "8"};
    auto const swapped = logged(
        "kvm", with(large, {"--lazy-by", "userfault", "--frames-limit", "2M", "--swap", "8M"}));
    CHECK(swapped["memory"]["swap"]["written"] > 0);
    CHECK(sets(swapped) == sets(logged("kvm", large)));
}

TEST_CASE("while a launch keeps a dirty log under KVM a guest can keep none of its own") {
    if (without_kvm()) return;
    auto const run = logged("kvm", {"dirty"});
    CHECK(run["guests"][0]["stop"]["code"] == 3);
    CHECK(run["guests"][0]["dirty_log"]["pages"] > 0);
}

TEST_CASE("a means of logging that this machine's KVM has not got is refused with the reason") {
    if (without_kvm()) return;
    bool const by_log = std::string_view{means_here()} == "pml";
    for (auto const* const means : {"dirty-bits", by_log ? "write-protection" : "pml"}) {
        auto const result = launch("kvm", {"hello"}, means);
        INFO(result.err);
        CHECK(result.status == 2);
        CHECK(result.err.find("--dirty-log: under KVM the kernel picks the means, here " +
                              std::string{means_here()}) != std::string::npos);
        CHECK(result.err.find("--engine bochs for " + std::string{means}) != std::string::npos);
    }
}

TEST_CASE("the means is the page-modification log where kvm_intel may use it, else write "
          "protection") {
    using enum abi::DirtyLogging;
    TemporaryDirectory const modules;
    CHECK(vmm::kvm::logging_means(modules.path()) == write_protection);
    std::filesystem::create_directories(modules.path() / "kvm_intel" / "parameters");
    (void)modules.write("kvm_intel/parameters/pml", "N\n");
    CHECK(vmm::kvm::logging_means(modules.path()) == write_protection);
    (void)modules.write("kvm_intel/parameters/pml", "Y\n");
    CHECK(vmm::kvm::logging_means(modules.path()) == page_modification_log);

    CHECK(vmm::kvm::why_not_logged_by(write_protection, write_protection).empty());
    CHECK(vmm::kvm::why_not_logged_by(off, page_modification_log).empty());
    CHECK(vmm::kvm::why_not_logged_by(write_protection, page_modification_log) ==
          "under KVM the kernel picks the means, here pml (kvm_intel's parameter pml is Y); take "
          "pml, or --engine bochs for write-protection");
}

} // namespace kvm_launch_dirty_log_test
