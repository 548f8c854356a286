// The manual page and --help know the same commands and options.
#include "tests/catch.hpp"
#include "tests/support/fake_bochs.hpp"

#include <regex>
#include <set>
#include <string>

namespace manual_page_test {

using namespace twofold::test;

namespace {

std::set<std::string> matches(std::string const& text, char const* pattern) {
    std::set<std::string> found;
    std::regex const expression{pattern};
    for (std::sregex_iterator at{text.begin(), text.end(), expression}, end; at != end; ++at)
        found.insert((*at)[1]);
    return found;
}

std::string manual_page() {
    auto const tree = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path();
    std::string const text = contents_of(tree / "docs/twofold.1");
    return std::regex_replace(text, std::regex{R"(\\-)"}, "-");
}

/// Of the part that says what the options are; examples could hold anything.
std::string section(std::string const& page, std::string const& name) {
    auto const begin = page.find(".SH " + name + "\n");
    return page.substr(begin, page.find("\n.SH ", begin + 1) - begin);
}

} // namespace

TEST_CASE("the manual page describes every command and option that there is, and no other") {
    FakeBochs const bochs{"", ""};
    constexpr char const* option = "(--[a-z][a-z-]+)";
    constexpr char const* command = "(?:^|\n)\\.B ([a-z]+)\n";
    std::string const page = manual_page();

    std::set<std::string> commands;
    std::set<std::string> options;
    std::string const help = bochs.run({"--help"}).out;
    for (auto const& name : matches(help.substr(help.find("Subcommands:")), "\n  ([a-z]+)  ")) {
        commands.insert(name);
        std::string const text = bochs.run({name, "--help"}).out;
        // Not the examples behind it.
        options.merge(
            matches(text.substr(0, text.find("Examples:")), "\n  (?:-[a-z],)?(--[a-z-]+)"));
    }
    options.erase("--help");
    CHECK(commands.size() >= 6);
    CHECK(options.size() >= 10);
    CHECK(matches(section(page, "COMMANDS"), command) == commands);
    auto described = matches(section(page, "SYNOPSIS") + section(page, "OPTIONS"), option);
    for (auto const& name : options)
        CHECK(described.contains(name));
    for (auto const& name : described)
        CHECK(options.contains(name));
}

} // namespace manual_page_test
