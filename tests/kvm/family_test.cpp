// The same guests on both engines. Not here: clone, dirty and permissions, which ask for what only
// the hypervisor has, and exits, which prints nothing but ticks.
#include "kvm/device.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"

#include <array>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

namespace family_test {

using namespace twofold::test;

namespace {

CommandResult run_on(char const* engine, std::vector<std::string> const& guest) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run",  guest.front(),
                                   "--engine",      engine, "--quiet"};
    if (guest.size() > 1) words.emplace_back("--");
    words.insert(words.end(), guest.begin() + 1, guest.end());
    return run_command({.words = std::move(words)});
}

/// What a guest measures differs; what it says does not.
std::string without_figures(std::string const& text) {
    return std::regex_replace(text, std::regex{"[0-9][0-9,]*"}, "#");
}

} // namespace

TEST_CASE("each kernel of the family says and returns the same on both engines") {
    if (auto const reason = twofold::vmm::kvm::why_unusable(); !reason.empty()) {
        std::cout << "skipped: " << reason << '\n';
        return;
    }
    std::array const same = std::to_array<std::vector<std::string>>({
        {"hello", "x", "--exit", "3"},
        {"walk"},
        {"board"},
        {"disk"},
        {"pressure", "--pages", "64"},
        {"memory", "nothing"},
        {"hostile", "nothing"},
    });
    for (auto const& guest : same) {
        CAPTURE(guest.front());
        auto const bochs = run_on("bochs", guest);
        auto const kvm = run_on("kvm", guest);
        CHECK_FALSE(bochs.out.empty());
        CHECK(kvm.out == bochs.out);
        CHECK(kvm.status == bochs.status);
    }
    std::vector<std::string> const touch{"touch", "--pages", "64", "--passes", "2"};
    auto const bochs = run_on("bochs", touch);
    auto const kvm = run_on("kvm", touch);
    CHECK(kvm.out != bochs.out); // for it has ticks in it
    CHECK(without_figures(kvm.out) == without_figures(bochs.out));
    CHECK(kvm.status == 0);
    CHECK(bochs.status == 0);
}

} // namespace family_test
