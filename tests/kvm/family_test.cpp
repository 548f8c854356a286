// The same guests on both engines. Not here: dirty and permissions, which ask for what only the
// hypervisor has, exits, which prints nothing but ticks, and clone, whose guests end in any order
// (clones_test).
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/without_kvm.hpp"

#include <array>
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
    if (without_kvm()) return;
    std::array const same = std::to_array<std::vector<std::string>>({
        {"hello", "x", "--exit", "3"},
        {"walk"},
        {"board"},
        {"disk"},
        {"pressure", "--pages", "64"},
        {"pressure", "--pages", "64", "--passes", "2", "--release", "16"},
        {"clone", "--number", "0"},
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
