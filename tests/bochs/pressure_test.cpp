// More memory than there is, over real EPT and an emulated ATA disk: guests verify each word of
// their own pages.
#include "catch.hpp"
#include "support/guest_run.hpp"

#include <algorithm>
#include <filesystem>

namespace pressure_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

bool has(Json const& text, std::string_view part) {
    return text.get<std::string>().find(part) != std::string::npos;
}

Json stop_of(Json const& run, std::size_t guest) { return run["guests"][guest]["stop"]; }

void check_ended_well(Json const& run, std::size_t guest) {
    INFO(run["guests"][guest].dump());
    CHECK(stop_of(run, guest)["reason"] == "exit");
    CHECK(stop_of(run, guest)["code"] == 0);
}

std::uint64_t sum(Json const& run, char const* figure) {
    std::uint64_t all = 0;
    for (auto const& guest : run["guests"])
        all += guest["stop"]["reclaim"][figure].get<std::uint64_t>();
    return all;
}

/// A Bochs that is started by a script, with the line of the swap disk changed by `change`, a sed
/// command, and the rest of the environment as `then` sets it.
Json run_with_disk(std::string const& change, std::string const& then,
                   std::vector<std::string> arguments) {
    TemporaryDirectory directory;
    auto const script = directory.write("bochs", R"(#!/bin/sh
here=$(dirname "$0")
sed ')" + change + R"(' "$3" > "$here/bochsrc"
disk=$(sed -n 's|^ata0-slave:.*path=/dev/fd/\([0-9]*\).*|\1|p' "$3")
)" + then + R"(
exec bochs-bin -q -f "$here/bochsrc" -rc "$5"
)");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    std::vector<std::string> words{TWOFOLD_COMMAND, "run", "--json", "-"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto const result = run_command({words, {{"TWOFOLD_BOCHS", script.string()}}});
    if (result.out.empty()) throw std::runtime_error{result.err};
    auto run = Json::parse(result.out);
    run["status"] = result.status;
    return run;
}

/// The two pages that are written and read back before anything else.
constexpr std::uint64_t proof_bytes = std::uint64_t{2} * 4096;

/// `how`: what fails once `after` bytes were transferred.
Json run_with_failing_disk(std::string const& how, std::uint64_t after,
                           std::vector<std::string> arguments) {
    return run_with_disk("",
                         "export TWOFOLD_FAILING=" + how +
                             " TWOFOLD_FAILING_AFTER=" + std::to_string(after) +
                             " TWOFOLD_FAILING_DISK=$disk LD_PRELOAD=" TWOFOLD_FAILING_DISK,
                         std::move(arguments));
}

void check_broken_disk(std::string const& how) {
    INFO(how);
    auto const run =
        run_with_failing_disk(how, proof_bytes,
                              {"pressure", "--with", "hello", "--memory", "12M", "--frames-limit",
                               "4M", "--swap", "8M", "--", "--pages", "1500"});
    REQUIRE(run["failure"].is_null());
    auto const stop = stop_of(run, 0);
    CHECK(stop["reason"] == (how == "write" ? "out_of_frames" : "swap_failed"));
    CHECK(has(stop["message"],
              how == "write" ? "and the swap disk fails: writing sector 0: the command was aborted"
                             : "the swap device does not give the page back: reading sector "));
    CHECK_FALSE(run["memory"]["swap"]["error"] == "");
    check_ended_well(run, 1);
    CHECK(run["end"]["frames_in_use"] == 0);
}

} // namespace

TEST_CASE("a guest with twice the memory that there is finds all that it wrote, and zeros where it "
          "gave pages back") {
    auto const run = run_guests({"pressure", "--memory", "16M", "--frames-limit", "3M", "--swap",
                                 "12M", "--", "--pages", "1536", "--release", "700"});
    REQUIRE(run["failure"].is_null());
    check_ended_well(run, 0);
    auto const reclaim = stop_of(run, 0)["reclaim"];
    CHECK(reclaim["swapped_out"] > 768);
    CHECK(reclaim["swapped_in"] > 768);
    CHECK(reclaim["released"] == 700);
    auto const& memory = run["memory"];
    CHECK(memory["frames"] == 768);
    CHECK(memory["frames_limit"] == 3 << 20);
    CHECK(memory["reclaimed"] == reclaim["swapped_out"]);
    CHECK(memory["swap"]["pages"] == 3072);
    CHECK(memory["swap"]["used_most"] <= 1600);
    CHECK(memory["swap"]["written"] == reclaim["swapped_out"]);
    CHECK(memory["swap"]["read"] == reclaim["swapped_in"]);
    CHECK(memory["swap"]["error"] == "");
    CHECK(run["end"]["frames_in_use"] == 0);
}

TEST_CASE("guests and clones that share too little memory by turns keep their contents apart") {
    auto const run = run_guests({"pressure", "--clones", "1", "--with", "pressure --pages 500",
                                 "--with", "clone --pages 200", "--memory", "8M", "--frames-limit",
                                 "4M", "--swap", "24M", "--", "--pages", "700"});
    REQUIRE(run["failure"].is_null());
    // Each of the three has a clone, and the last two make two more each.
    REQUIRE(run["guests"].size() == 3 + 3 + 4);
    for (std::size_t guest = 0; guest < run["guests"].size(); ++guest)
        check_ended_well(run, guest);
    // A page that several share is written once, and counts for each of them.
    CHECK(sum(run, "swapped_out") >= run["memory"]["swap"]["written"]);
    auto const& last = run["audits"][0]["slots"];
    CHECK(last["used"] > 0);
    CHECK(last["references"] == last["used"]); // whoever shared them is gone
    CHECK(run["memory"]["swap"]["written"] > 1000);
    CHECK(run["end"]["frames_in_use"] == 0);
}

TEST_CASE("without a swap disk the guest that asks for one frame too many stops, and says why") {
    auto const run =
        run_guests({"pressure", "--with", "pressure --pages 300", "--with", "hello", "--memory",
                    "12M", "--frames-limit", "4M", "--", "--pages", "1500"});
    REQUIRE(run["failure"].is_null());
    auto const stop = stop_of(run, 0);
    CHECK(stop["reason"] == "out_of_frames");
    CHECK(has(stop["message"], "a write to gpa 0x"));
    CHECK(has(stop["message"], "all 1024 frames are in use, and there is no swap disk"));
    check_ended_well(run, 1);
    check_ended_well(run, 2);
    CHECK(run["end"]["frames_in_use"] == 0);
}

TEST_CASE("when the swap disk is full as well, the guest that asks stops, and others go on") {
    auto const run = run_guests({"pressure", "--with", "hello", "--memory", "16M", "--frames-limit",
                                 "4M", "--swap", "2M", "--", "--pages", "2048"});
    REQUIRE(run["failure"].is_null());
    auto const stop = stop_of(run, 0);
    CHECK(stop["reason"] == "out_of_frames");
    CHECK(has(stop["message"], "and so are all 512 pages of the swap disk"));
    check_ended_well(run, 1);
    CHECK(run["memory"]["swap"]["used_most"] == 512);
    CHECK(run["end"]["frames_in_use"] == 0);
}

TEST_CASE("a swap disk that is missing stops the hypervisor before any guest, and says so") {
    auto const run = run_with_disk("/^ata0-slave/d", "", {"hello", "--swap", "4M"});
    CHECK(run["status"] == 1);
    CHECK(run["guests"].empty());
    CHECK(has(run["failure"], "the swap disk (ata0-slave) can't be used: IDENTIFY DEVICE: nothing "
                              "is connected there"));
}

TEST_CASE("a swap disk that does not keep what is written to it stops the hypervisor before any "
          "guest, and says so") {
    struct Case {
        std::string how;
        std::uint64_t after;
        char const* complaint;
    };
    for (auto const& [how, after, complaint] :
         {Case{"write", 0, "writing sector 0: the command was aborted"},
          // The last page of 1024 begins there.
          Case{"write", 4096, "writing sector 8184: the command was aborted"},
          Case{"read", 0, "reading sector 0: the command was aborted"},
          Case{"keep", 0, "reading sector 0: other bytes came back than were written there"},
          Case{"keep", 4096, "reading sector 8184: other bytes came back"},
          Case{"keep", 4608, "reading sector 8185: other bytes came back"}}) {
        auto const run = run_with_failing_disk(how, after, {"hello", "--swap", "4M"});
        INFO(run["failure"].dump());
        CHECK(run["status"] == 1);
        CHECK(run["guests"].empty());
        CHECK(run["swap_disk"].is_null());
        CHECK(has(run["failure"],
                  std::string{"the swap disk (ata0-slave) can't be used: "} + complaint));
    }
}

TEST_CASE("a swap disk that breaks stops the guest whose page it has, or that needs a frame") {
    for (std::string const how : {"write", "read"})
        check_broken_disk(how);
}

TEST_CASE("what may be promised is what memory and swap hold, or a stated part of it") {
    auto const hello_twice = [](std::vector<std::string> options) {
        options.insert(options.begin(), {"hello", "--with", "hello", "--memory", "8M"});
        return run_guests(options);
    };
    auto const never = hello_twice({"--frames-limit", "12M", "--overcommit", "never"});
    CHECK(stop_of(never, 0)["code"] == 0);
    CHECK(stop_of(never, 1)["reason"] == "load_error");
    CHECK(has(stop_of(never, 1)["message"], "the over-commit policy allows no such promise"));
    // 2048 pages, 4 + 1 + 1 + 1 tables, and the two frames that a guest costs beside.
    CHECK(never["memory"]["promised_most"] == 2048 + 7 + 2);
    auto const ratio = hello_twice({"--frames-limit", "12M", "--overcommit", "ratio"});
    check_ended_well(ratio, 1);
    CHECK(ratio["memory"]["overcommit_percent"] == 150);
    auto const swap = run_guests({"clone", "--memory", "8M", "--frames-limit", "12M", "--swap",
                                  "8M", "--overcommit", "never", "--", "--number", "1"});
    check_ended_well(swap, 1);
    auto const refused = run_guests({"clone", "--memory", "8M", "--frames-limit", "12M",
                                     "--overcommit", "never", "--", "--number", "1"});
    CHECK(stop_of(refused, 0)["code"] == 3);
    CHECK(has(refused["console"], "no clone: over-committed"));
}

TEST_CASE("pages are filled by a power of two of words, up to all of them") {
    for (std::string const kernel : {"pressure", "grow"}) {
        for (std::string const words : {"0", "3", "1024"}) {
            auto const run = run_guests({kernel, "--", "--words", words});
            CHECK(stop_of(run, 0)["code"] == 2);
            CHECK(has(run["console"], "--words " + words + " is no power of two up to 512"));
        }
    }
}

} // namespace pressure_test
