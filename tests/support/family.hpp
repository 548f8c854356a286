// Runs of the kernels of the family that must be the same whoever runs the guest, and what of a run
// that is.
#pragma once

#include "tests/catch.hpp"
#include "tests/support/command.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace twofold::test {

using Json = nlohmann::json;

/// Guests that run side by side print their lines in any order.
enum class Console { same, same_but_for_numbers, same_lines };

struct Same {
    std::string kernel;
    std::vector<std::string> options = {};
    std::vector<std::string> arguments = {};
    Console console = Console::same;
    /// The kernel asks the processor what it has, and walks what it then builds.
    bool walks_the_same = true;
    /// What is one engine's own, in the report or on the console: a regular expression.
    std::string by_engine = "(?!)";
    /// KVM's emulator reads a port before it finds that INS has nowhere to put what was read.
    bool counts_ports_the_same = true;
};

/// The hypervisor knows by which gva the guest came to an address; KVM's exit does not tell.
inline std::string const gva_of_access = ", gva 0x[0-9a-f]+";
/// Nor does it tell which instruction wanted it.
inline std::string const gva_or_instruction =
    gva_of_access + "|^(a read of|an I/O instruction needs) ";
/// Guests without an end are broken off at the same time.
inline std::vector<std::string> const for_a_while{"--timeout", "0.05"};

/// The guest measures VMCALL only in the hypervisor: KVM without VT-x never returns from it.
inline std::string const vmcall_figure = "vmcall_exit(: .*\\n)?";

/// Linux shares a template's pages by its file: a page of zeros is not kept in it, and one that any
/// guest reads is there for all. So whether a page of a clone held something is counted otherwise.
inline std::string const held_by_clones = "given back [0-9]+, ";
inline std::vector<std::string> const many_clones{"--pages",  "32", "--steps", "500",
                                                  "--clones", "3",  "--depth", "1"};
inline std::vector<std::string> const deep_clones{"--pages",  "32", "--steps", "800",
                                                  "--clones", "1",  "--depth", "3"};

/// A few words of each page, for the kernel of a host without VT-x emulates ring 0 one by one.
inline std::vector<Same> const all_same{
    {"hello", {}, {"x", "--exit", "3"}},
    {"walk"},
    {.kernel = "layouts", .walks_the_same = false},
    {"board"},
    {"disk"},
    {"pressure", {}, {"--pages", "64", "--words", "8"}},
    {"pressure", {}, {"--pages", "64", "--words", "8", "--passes", "2", "--release", "16"}},
    {"clone", {}, {"--number", "0"}},
    {"memory", {}, {"nothing"}},
    {"memory", {}, {"frames", "--clones", "2", "--pages", "4"}},
    {"memory", {}, {"number", "--clones", "3"}},
    {"memory", {}, {"depth", "--generations", "3"}},
    {"memory", {"--memory", "64M"}, {"costs", "--touch", "16"}},
    {"hostile", {}, {"nothing"}},
    {"hostile", {}, {"triple-fault"}},
    {"hostile", {}, {"halt"}},
    {"hostile", {}, {"large-exit-code"}},
    {"hostile", {}, {"touch-everything"}},
    {"hostile", {}, {"page-faults"}},
    {.kernel = "hostile", .arguments = {"ports"}, .counts_ports_the_same = false},
    {"hostile", {}, {"hypercalls", "by-port"}},
    {"hostile", for_a_while, {"loop"}},
    {"hostile", for_a_while, {"loop-of-exits"}},
    {"hostile", for_a_while, {"interrupt-storm"}},
    {"hostile", for_a_while, {"flood-yields"}},
    {.kernel = "hostile", .arguments = {"string-output-beyond"}, .by_engine = gva_or_instruction},
    {"hostile", {}, {"real-mode"}},
    {"hostile", {}, {"paging-off"}},
    {.kernel = "hostile", .arguments = {"read-beyond"}, .by_engine = gva_of_access},
    {.kernel = "hostile", .arguments = {"write-beyond"}, .by_engine = gva_of_access},
    {.kernel = "hostile", .arguments = {"stack-beyond"}, .by_engine = gva_of_access},
    {"dirty", {}, {"--means", "1", "--rounds", "2"}},
    {"dirty", {}, {"--means", "2", "--rounds", "2"}},
    {"dirty", {}, {"--means", "3", "--rounds", "2"}},
    {"hot"},
    {"twins", {"--merge", "offered"}, {"--alone", "--rounds", "1"}},
    {"twins"},
    {"scenario", {}, {"--pages", "32", "--steps", "1000", "--clones", "0"}},
    // Only the first makes clones, or each makes one: so their numbers, which decide about what
    // they do, are the same in each run.
    {"scenario", {}, many_clones, Console::same_lines, true, held_by_clones},
    {"scenario", {}, deep_clones, Console::same_lines, true, held_by_clones},
    // How many small leaves there are is of what the firmware and the loader touched.
    {"grow", {}, {"--blocks", "1", "--large", "0", "--words", "8"}, Console::same_but_for_numbers},
    {.kernel = "exits", .console = Console::same_but_for_numbers, .by_engine = vmcall_figure},
    {"touch", {}, {"--pages", "64", "--passes", "2"}, Console::same_but_for_numbers},
};

/// The words of its launch after the command's name: `engine` stands before the guest's own.
inline std::vector<std::string> words_of(Same const& guest,
                                         std::vector<std::string> const& engine) {
    std::vector<std::string> words{"run", guest.kernel};
    words.insert(words.end(), engine.begin(), engine.end());
    words.insert(words.end(), guest.options.begin(), guest.options.end());
    if (!guest.arguments.empty()) words.emplace_back("--");
    words.insert(words.end(), guest.arguments.begin(), guest.arguments.end());
    return words;
}

/// The run's JSON.
inline Json run_on(char const* engine, Same const& guest) {
    auto words = words_of(guest, {"--engine", engine, "--json", "-"});
    words.insert(words.begin(), TWOFOLD_COMMAND);
    auto const result = run_command({.words = std::move(words)});
    INFO(result.err);
    REQUIRE_FALSE(result.out.empty());
    return Json::parse(result.out);
}

/// What a guest measures differs; what it says does not.
inline std::string without_figures(std::string const& text) {
    return std::regex_replace(text, std::regex{"[0-9][0-9,]*"}, "#");
}

inline std::string without_what_is_by_engine(std::string const& text, Same const& guest) {
    return std::regex_replace(text, std::regex{guest.by_engine}, "");
}

inline std::multiset<std::string> lines_of(std::string const& text) {
    std::istringstream stream{text};
    std::multiset<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.insert(line);
    return lines;
}

/// In the order in which they count, where one does.
inline std::multiset<std::string> console_of(Json const& run, Same const& guest) {
    auto const text = without_what_is_by_engine(run["console"].get<std::string>(), guest);
    switch (guest.console) {
    case Console::same: return {text};
    case Console::same_but_for_numbers: return {without_figures(text)};
    case Console::same_lines: return lines_of(text);
    }
    return {};
}

/// Of a walk, the guest's own dimension.
inline Json own_walk(Json const& walk) {
    Json references = Json::array();
    for (Json const& reference : walk["references"])
        if (reference["dimension"] == "guest")
            references.push_back(
                {reference["level"], reference.value("gpa", ""), reference["entry"]});
    return {walk["gva"], walk.value("gpa", ""), walk.value("guest_page", ""), references};
}

/// What the report says of a guest that follows from the guest alone.
inline Json engine_independent(Json const& guest, Same const& how) {
    Json const& start = guest["start"];
    Json const& stop = guest["stop"];
    auto const message = stop["message"].get<std::string>();
    Json facts{{"name", guest["name"]},
               {"memory_bytes", start["memory_bytes"]},
               {"guest_page", start["guest_page"]},
               {"native", start["native"]},
               {"reason", stop["reason"]},
               {"code", stop["code"]},
               {"message", without_what_is_by_engine(message, how)},
               {"figures", Json::array()},
               {"walks", Json::array()},
               {"merges", Json::array()}};
    if (how.counts_ports_the_same) facts["unknown_ports"] = stop["policy"]["unknown_ports"];
    for (Json const& figure : guest["figures"])
        if (auto const name = figure["name"].get<std::string>();
            !without_what_is_by_engine(name, how).empty())
            facts["figures"].push_back(name);
    for (Json const& walk : guest["walks"])
        if (how.walks_the_same) facts["walks"].push_back(own_walk(walk));
    for (Json merge : guest.value("merges", Json::array())) {
        merge.erase("frames"); // of all the hypervisor's guests
        facts["merges"].push_back(merge);
    }
    return facts;
}

/// Of two runs of a guest: `other` says and returns what `one` does.
inline void check_same(Same const& guest, Json const& other, Json const& one) {
    CAPTURE(guest.kernel, guest.options, guest.arguments);
    CHECK(console_of(other, guest) == console_of(one, guest));
    CHECK(other["exit_status"] == one["exit_status"]);
    REQUIRE(other["guests"].size() == one["guests"].size());
    for (std::size_t n = 0; n < other["guests"].size(); ++n)
        CHECK(engine_independent(other["guests"][n], guest) ==
              engine_independent(one["guests"][n], guest));
}

} // namespace twofold::test
