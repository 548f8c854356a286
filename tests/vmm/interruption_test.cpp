// The built command, interrupted.
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"
#include "tests/support/leftovers.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace interruption_test {

using namespace twofold::test;

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// An engine that says in a file who it is, and then runs for ten minutes.
FakeBochs endless() {
    return {"Hello\n", "",
            "echo $$ > \"$here/pid.tmp\"; mv \"$here/pid.tmp\" \"$here/pid\"; "
            "exec sleep 600"};
}

pid_t engine_of(FakeBochs const& bochs) {
    if (!wait_until([&] { return fs::exists(bochs.path() / "pid"); })) return 0;
    pid_t pid = 0;
    std::ifstream{bochs.path() / "pid"} >> pid;
    return pid;
}

} // namespace

TEST_CASE("a signal ends the run with its status and leaves no process and no file") {
    for (int const number : {SIGINT, SIGTERM, SIGHUP}) {
        FakeBochs const bochs = endless();
        fs::create_directory(bochs.path() / "tmp");
        auto command = bochs.command({"run", "g", "--json", (bochs.path() / "run.json").string()});
        command.environment["TMPDIR"] = (bochs.path() / "tmp").string();
        BackgroundCommand twofold{command};
        pid_t const engine = engine_of(bochs);
        REQUIRE(engine > 0);
        REQUIRE(is_alive(engine));

        REQUIRE(kill(twofold.pid(), number) == 0);
        auto const result = twofold.wait();
        CHECK(result.status == 128 + number);
        CHECK(wait_until([&] { return !is_alive(engine); }));
        CHECK(files_in(bochs.path() / "tmp").empty());
        CHECK_FALSE(fs::exists(bochs.path() / "run.json"));
    }
}

TEST_CASE("a signal at any moment of the start leaves nothing either") {
    FakeBochs const bochs = endless();
    auto const before = files_in(bochs.path());
    for (auto delay = 0us; delay < 60ms; delay += 1500us) {
        BackgroundCommand twofold{bochs.command({"run", "g"})};
        std::this_thread::sleep_for(delay);
        kill(twofold.pid(), SIGTERM);
        int const status = twofold.wait().status;
        INFO(delay.count() << " us");
        CHECK(status == 128 + SIGTERM);
    }
    // Engines that came so far as to write it have left their number there.
    if (fs::exists(bochs.path() / "pid")) {
        pid_t const last = engine_of(bochs);
        CHECK(wait_until([&] { return !is_alive(last); }));
    }
    auto after = files_in(bochs.path());
    for (auto const* const written : {"pid", "pid.tmp"})
        after.erase((bochs.path() / written).string());
    CHECK(after == before);
}

TEST_CASE("even when the command is killed outright the engine goes with it") {
    FakeBochs const bochs = endless();
    BackgroundCommand twofold{bochs.command({"run", "g"})};
    pid_t const engine = engine_of(bochs);
    REQUIRE(engine > 0);
    kill(twofold.pid(), SIGKILL);
    CHECK(twofold.wait().status == 128 + SIGKILL);
    CHECK(wait_until([&] { return !is_alive(engine); }));
}

TEST_CASE("the console streams while the guest still runs") {
    FakeBochs const bochs = endless();
    BackgroundCommand twofold{bochs.command({"run", "g"})};
    CHECK(wait_until([&] { return twofold.out() == "Hello\n"; }));
    CHECK(is_alive(twofold.pid()));
}

TEST_CASE("signals that were ignored from the start stay ignored") {
    FakeBochs const bochs{"", whole_report(5), "sleep 1"};
    auto command = bochs.command({});
    command.words = {"sh", "-c", "trap '' HUP; exec " TWOFOLD_COMMAND " run g --quiet"};
    BackgroundCommand twofold{command};
    std::this_thread::sleep_for(200ms);
    kill(twofold.pid(), SIGHUP);
    CHECK(twofold.wait().status == 5);
}

} // namespace interruption_test
