// The same guests on both engines: console, exit status, and what the report says that does not
// depend on who runs the guest.
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/without_kvm.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace family_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

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
std::string const gva_of_access = ", gva 0x[0-9a-f]+";
/// The guest measures VMCALL only in the hypervisor: KVM without VT-x never returns from it.
std::string const vmcall_figure = "vmcall_exit(: .*\\n)?";

/// Linux shares a template's pages by its file: a page of zeros is not kept in it, and one that any
/// guest reads is there for all. So whether a page of a clone held something is counted otherwise.
std::string const held_by_clones = "given back [0-9]+, ";
std::vector<std::string> const many_clones{"--pages",  "32", "--steps", "500",
                                           "--clones", "3",  "--depth", "1"};
std::vector<std::string> const deep_clones{"--pages",  "32", "--steps", "800",
                                           "--clones", "1",  "--depth", "3"};

std::vector<Same> const all_same{
    {"hello", {}, {"x", "--exit", "3"}},
    {"walk"},
    {.kernel = "layouts", .walks_the_same = false},
    {"board"},
    {"disk"},
    {"pressure", {}, {"--pages", "64"}},
    {"pressure", {}, {"--pages", "64", "--passes", "2", "--release", "16"}},
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
    {"hostile", {}, {"real-mode"}},
    {"hostile", {}, {"paging-off"}},
    {.kernel = "hostile", .arguments = {"read-beyond"}, .by_engine = gva_of_access},
    {.kernel = "hostile", .arguments = {"write-beyond"}, .by_engine = gva_of_access},
    {.kernel = "hostile", .arguments = {"stack-beyond"}, .by_engine = gva_of_access},
    {"dirty", {}, {"--means", "1", "--rounds", "2"}},
    {"dirty", {}, {"--means", "2", "--rounds", "2"}},
    {"dirty", {}, {"--means", "3", "--rounds", "2"}},
    {"hot"},
    {"twins", {"--merge", "offered"}, {"--alone"}},
    {"twins"},
    {"scenario", {}, {"--pages", "32", "--steps", "1000", "--clones", "0"}},
    // Only the first makes clones, or each makes one: so their numbers, which decide about what
    // they do, are the same in each run.
    {"scenario", {}, many_clones, Console::same_lines, true, held_by_clones},
    {"scenario", {}, deep_clones, Console::same_lines, true, held_by_clones},
    // How many small leaves there are is of what the firmware and the loader touched.
    {"grow", {}, {"--blocks", "1", "--large", "0"}, Console::same_but_for_numbers},
    {.kernel = "exits", .console = Console::same_but_for_numbers, .by_engine = vmcall_figure},
    {"touch", {}, {"--pages", "64", "--passes", "2"}, Console::same_but_for_numbers},
};

/// Kernels that can't say the same, and why.
struct Apart {
    std::string_view kernel;
    std::string_view why;
};
constexpr std::array apart = std::to_array<Apart>({
    {"modes", "KVM without VT-x or SVM runs no 32-bit paging"},
    {"permissions", "KVM writes the entries itself: a slot is writable, read-only or absent"},
});

Json run_on(char const* engine, Same const& guest) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run",    guest.kernel, "--engine",
                                   engine,          "--json", "-"};
    words.insert(words.end(), guest.options.begin(), guest.options.end());
    if (!guest.arguments.empty()) words.emplace_back("--");
    words.insert(words.end(), guest.arguments.begin(), guest.arguments.end());
    auto const result = run_command({.words = std::move(words)});
    INFO(result.err);
    REQUIRE_FALSE(result.out.empty());
    return Json::parse(result.out);
}

/// What a guest measures differs; what it says does not.
std::string without_figures(std::string const& text) {
    return std::regex_replace(text, std::regex{"[0-9][0-9,]*"}, "#");
}

std::string without_what_is_by_engine(std::string const& text, Same const& guest) {
    return std::regex_replace(text, std::regex{guest.by_engine}, "");
}

std::multiset<std::string> lines_of(std::string const& text) {
    std::istringstream stream{text};
    std::multiset<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.insert(line);
    return lines;
}

/// In the order in which they count, where one does.
std::multiset<std::string> console_of(Json const& run, Same const& guest) {
    auto const text = without_what_is_by_engine(run["console"].get<std::string>(), guest);
    switch (guest.console) {
    case Console::same: return {text};
    case Console::same_but_for_numbers: return {without_figures(text)};
    case Console::same_lines: return lines_of(text);
    }
    return {};
}

/// Of a walk, the guest's own dimension.
Json own_walk(Json const& walk) {
    Json references = Json::array();
    for (Json const& reference : walk["references"])
        if (reference["dimension"] == "guest")
            references.push_back(
                {reference["level"], reference.value("gpa", ""), reference["entry"]});
    return {walk["gva"], walk.value("gpa", ""), walk.value("guest_page", ""), references};
}

/// What the report says of a guest that follows from the guest alone.
Json engine_independent(Json const& guest, Same const& how) {
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

} // namespace

TEST_CASE("each kernel of the family says and returns the same on both engines") {
    if (without_kvm()) return;
    for (auto const& guest : all_same) {
        CAPTURE(guest.kernel, guest.options, guest.arguments);
        auto const bochs = run_on("bochs", guest);
        auto const kvm = run_on("kvm", guest);
        CHECK(console_of(kvm, guest) == console_of(bochs, guest));
        CHECK(kvm["exit_status"] == bochs["exit_status"]);
        REQUIRE(kvm["guests"].size() == bochs["guests"].size());
        for (std::size_t n = 0; n < kvm["guests"].size(); ++n)
            CHECK(engine_independent(kvm["guests"][n], guest) ==
                  engine_independent(bochs["guests"][n], guest));
    }
    for (auto const& [kernel, why] : apart)
        std::cout << "not the same on both engines: " << kernel << ": " << why << '\n';
    std::cout << apart.size() << " kernels are not the same on both engines\n";
}

TEST_CASE("no kernel of the family is left out of the comparison without a reason") {
    std::set<std::string> told;
    for (auto const& guest : all_same)
        told.insert(guest.kernel);
    for (auto const& one : apart)
        CHECK(told.insert(std::string{one.kernel}).second);
    std::set<std::string> kernels;
    for (auto const& entry : std::filesystem::directory_iterator{TWOFOLD_TREE "/guest"})
        if (entry.is_directory() && entry.path().filename() != "kit")
            kernels.insert(entry.path().filename());
    CHECK(told == kernels);
}

TEST_CASE("clones that offer their pages come to share frames on both engines") {
    if (without_kvm()) return;
    Same const guest{"twins", {"--merge", "offered", "--clones", "1"}, {}, Console::same_lines};
    auto const bochs = run_on("bochs", guest);
    auto const kvm = run_on("kvm", guest);
    CHECK(console_of(bochs, guest).size() == 4);
    CHECK(console_of(kvm, guest) == console_of(bochs, guest));
    CHECK(kvm["exit_status"] == 0);
}

TEST_CASE("what a guest may not ask for under KVM is refused, and it goes on") {
    if (without_kvm()) return;
    auto const code = [](Same const& guest) {
        return run_on("kvm", guest)["guests"][0]["stop"]["code"].get<int>();
    };
    // Merging where the launch does not allow it, and where a handler of ours brings pages in.
    CHECK(code({"twins", {}, {"--alone"}}) == 3);
    CHECK(code({"twins", {"--merge", "offered", "--lazy-by", "userfault"}, {"--alone"}}) == 3);
    // Pages that are a view of a template can't be told apart by whether they are accessed.
    CHECK(code({"hot", {"--repeat", "2"}}) == 3);
    CHECK(code({"hot", {"--host-memory", "memfd"}}) == 3);
    // A clone of a guest whose other processors, disk or clones' processes would go on without it.
    TemporaryDirectory const directory;
    auto const disk = directory.file("disk");
    std::ofstream{disk} << "";
    std::filesystem::resize_file(disk, 1 << 20);
    CHECK(code({"clone", {"--devices", "pc", "--cpus", "2"}}) == 3);
    CHECK(code({"clone", {"--disk", disk.string()}}) == 3);
    CHECK(code({"clone", {"--clones", "1", "--clones-as", "processes"}}) == 3);
}

} // namespace family_test
