// Each way in which memory comes in, on this machine's own KVM. Without it each counts as skipped.
#include "kvm/userfault.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/guest_run.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/without_kvm.hpp"

namespace lazy_policy_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

bool without_kvm_or_userfault() {
    if (without_kvm()) return true;
    auto const userfault = kvm::FaultHandler::open_userfault();
    return skipped_for(userfault ? "" : userfault.error());
}

constexpr std::uint64_t pages_of_8m = 2048;
constexpr std::uint64_t touched = 256;

nlohmann::json stop_with(std::vector<std::string> options) {
    options.insert(options.begin(), {"touch", "--engine", "kvm", "--memory", "8M"});
    options.insert(options.end(), {"--", std::to_string(touched)});
    auto const run = run_guests(options);
    CHECK(run["exit_status"] == 0);
    return run["guests"][0]["stop"];
}

std::uint64_t faults_in(nlohmann::json const& stop) {
    auto const& faults = stop["userfaults"];
    return faults["read"].get<std::uint64_t>() + faults["write"].get<std::uint64_t>();
}

} // namespace

TEST_CASE("each policy brings in what it says, and counts what it answered itself") {
    if (without_kvm_or_userfault()) return;
    auto const by_kernel = stop_with({});
    CHECK(faults_in(by_kernel) == 0);
    CHECK(by_kernel["frames"]["memory"] >= touched);
    CHECK(by_kernel["frames"]["memory"] < touched + 100);
    CHECK(stop_with({"--populate", "eager"})["frames"]["memory"] == pages_of_8m);

    auto const one = stop_with({"--lazy-by", "userfault", "--fault-window", "1"});
    auto const window = stop_with({"--lazy-by", "userfault", "--fault-window", "16"});
    CHECK(faults_in(one) >= touched);
    CHECK(faults_in(window) >= touched / 16);
    CHECK(faults_in(window) < faults_in(one) / 4);
    std::uint64_t timed = 0;
    for (auto const& [ticks, faults] : one["fault_histogram"].items())
        timed += faults.is_object() ? faults["faults"].get<std::uint64_t>()
                                    : faults.get<std::uint64_t>();
    CHECK(timed == faults_in(one));
}

TEST_CASE("a snapshot's memory comes in by faults that are answered from its file") {
    if (without_kvm_or_userfault()) return;
    TemporaryDirectory const directory;
    auto const file = directory.file("s.snap").string();
    auto const twofold = [](std::vector<std::string> words) {
        words.insert(words.begin(), TWOFOLD_COMMAND);
        return run_command({words});
    };
    auto const saved = twofold(
        {"snapshot", "save", file, "walk", "--after-exits", "1", "--memory", "8M", "--quiet"});
    REQUIRE(saved.status == 0);
    auto const by_kernel = twofold({"snapshot", "restore", file, "--quiet"});
    auto const by_handler =
        twofold({"snapshot", "restore", file, "--lazy-by", "userfault", "--fault-window", "4"});
    CHECK(by_handler.status == 0);
    CHECK(by_kernel.out.find("24 references") != std::string::npos);
    CHECK(by_handler.out == by_kernel.out);
    CHECK(by_handler.err.find("lazy, from a snapshot, by userfaultfd, 4 pages a fault") !=
          std::string::npos);
    CHECK(twofold({"snapshot", "restore", file, "--lazy-by", "magic"}).status == 2);
}

} // namespace lazy_policy_test
