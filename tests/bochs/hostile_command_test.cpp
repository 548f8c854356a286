// What the user sees of a guest that misbehaves: message and exit status; and of Ctrl-C.
#include "catch.hpp"
#include "support/command.hpp"
#include "support/failure_text.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace hostile_command_test {

namespace {

using namespace twofold::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

CommandResult run_hostile(std::string const& behaviour, std::vector<std::string> more = {}) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "run", "hostile", "--memory", "8M"};
    std::ranges::copy(more, std::back_inserter(words));
    words.insert(words.end(), {"--", behaviour});
    return run_command({.words = words});
}

bool wait_until(auto&& condition) {
    for (int i = 0; i < 3000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

bool is_running(pid_t pid) {
    std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
    std::string number;
    std::string name;
    std::string state;
    return static_cast<bool>(stat >> number >> name >> state) && state != "Z";
}

/// The engine that `command` has started; 0 before.
pid_t engine_of(pid_t command) {
    pid_t child = 0;
    std::string const task = std::to_string(command);
    std::ifstream{"/proc/" + task + "/task/" + task + "/children"} >> child;
    return child;
}

} // namespace

TEST_CASE("a guest that is ended makes the command say why, and exit with 1") {
    auto const fault = run_hostile("triple-fault");
    CHECK(fault.status == 1);
    CHECK(holds(fault.err, {"hostile: triple fault at rip 0x", "nor could the double fault"}));

    auto const outside = run_hostile("write-beyond");
    CHECK(outside.status == 1);
    CHECK(holds(outside.err, {"hostile: outside memory at rip 0x", "a write to gpa 0x800008",
                              "the guest's memory ends at 0x800000"}));

    auto const endless = run_hostile("loop", {"--timeout", "0.05"});
    CHECK(endless.status == 1);
    CHECK(holds(endless.err, {"hostile: time limit", "longer than it was allowed"}));
}

TEST_CASE("a guest that ends by itself makes the command exit with its code") {
    auto const real_mode = run_hostile("real-mode");
    CHECK(real_mode.status == 13);
    CHECK(real_mode.out == "in real mode\n");
    CHECK(run_hostile("halt").status == 0);
}

TEST_CASE(
    "a guest for which the machine has too little memory is ended, and the figures are named") {
    auto const result = run_hostile("touch-everything", {"--machine-memory", "16M"});
    INFO(result.err);
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"out of frames", "no frame is left", "0x800000"}));
}

TEST_CASE("Ctrl-C ends the emulator, and leaves no process and no file") {
    TemporaryDirectory const directory;
    BackgroundCommand twofold{
        {.words = {"sh", "-c",
                   "cd " + directory.path().string() +
                       " && exec " TWOFOLD_COMMAND " run hostile --timeout 0 -- loop"},
         .environment = {{"TMPDIR", directory.path().string()}}}};
    REQUIRE(wait_until([&] { return engine_of(twofold.pid()) > 0; }));
    pid_t const engine = engine_of(twofold.pid());
    std::this_thread::sleep_for(500ms); // well into its run
    REQUIRE(is_running(engine));

    REQUIRE(kill(twofold.pid(), SIGINT) == 0);
    CHECK(twofold.wait().status == 128 + SIGINT);
    CHECK(wait_until([&] { return !is_running(engine); }));
    CHECK(fs::is_empty(directory.path()));
}

} // namespace hostile_command_test
