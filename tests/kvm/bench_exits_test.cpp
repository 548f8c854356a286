// KVM's column of `bench exits`. That it is measured in the rig is seen by the docs' own test,
// which compares what README shows; here a stand-in for Bochs plays the machine that Linux runs in.
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/leftovers.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <fstream>
#include <map>

namespace bench_exits_test {

using namespace twofold::test;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

/// Where `twofold bench exits` finds a Bochs that does for Linux what `instead` says, in shell:
/// with $serial, the file of its serial port, and $here. All else is run by the real one.
class FakeRig {
  public:
    explicit FakeRig(std::string const& instead) {
        auto const script = directory_.write(
            "bochs", "#!/bin/sh\narguments=$*\nwhile [ \"$1\" != -f ]; do shift; done\n"
                     "grep -q type=cdrom \"$2\" || exec bochs-bin $arguments\n"
                     "serial=$(sed -n 's/^com1:.*dev=//p' \"$2\")\nhere=$(dirname \"$0\")\n" +
                         instead + "\n");
        fs::permissions(script, fs::perms::owner_all);
        fs::create_directory(temporary());
    }

    [[nodiscard]] fs::path temporary() const { return directory_.file("tmp"); }
    [[nodiscard]] Command command(std::vector<std::string> words) const {
        words.insert(words.begin(), {TWOFOLD_COMMAND, "bench", "exits"});
        return {.words = std::move(words),
                .environment = {{"TWOFOLD_BOCHS", directory_.file("bochs").string()},
                                {"TMPDIR", temporary().string()}}};
    }
    /// Of a rig that writes its number there; 0 when it does not.
    [[nodiscard]] pid_t process() const {
        pid_t number = 0;
        if (wait_until([&] { return fs::exists(directory_.file("pid")); }))
            std::ifstream{directory_.file("pid")} >> number;
        return number;
    }

  private:
    TemporaryDirectory directory_;
};

constexpr char const* report = R"({
  "guests": [{"figures": [{"name": "cpuid_exit", "value": 977},
                          {"name": "pio_exit", "value": 3479}]}]
})";

std::string saying(std::string const& what) {
    return "cat >\"$serial\" <<'END'\nrig: begin\n" + what + "\nEND\n";
}

constexpr char const* endless = "echo $$ >\"$here/new\"; mv \"$here/new\" \"$here/pid\"\n"
                                "exec sleep 600";

} // namespace

TEST_CASE("bench exits has what the guest reports under KVM, whose it is, and nothing else of it") {
    FakeRig const rig{saying(std::string{"6.1.0-test\n"} + report + "\nrig: end 0")};
    auto const result = run_command(rig.command({"--json", "-"}));
    INFO(result.err);
    REQUIRE(result.status == 0);
    std::map<std::string, json> peers;
    std::map<std::string, std::string> sources;
    auto const document = json::parse(result.out);
    for (auto const& one : document["results"]) {
        peers[one["name"]] = one["peer"];
        sources[one["name"]] = one["source"];
    }
    CHECK(peers.at("cpuid_exit") == 977);
    CHECK(peers.at("pio_exit") == 3479);
    CHECK(holds(sources.at("pio_exit"), {"KVM: kvm_intel of Linux 6.1.0-test "}));
    for (char const* const unknown : {"vmcall_exit", "first_write_4k", "boot_to_guest"}) {
        CAPTURE(unknown);
        CHECK(peers.at(unknown).is_null());
        CHECK_FALSE(holds(sources.at(unknown), {"KVM"}));
    }
    CHECK(files_in(rig.temporary()).empty());
}

TEST_CASE("where KVM's figures can't be had bench exits says why, and prints no figure") {
    for (auto const& [instead, why] : std::map<std::string, std::string>{
             {"echo 'no such processor' >\"$serial\"", "no such processor"},
             {saying("6.1.0-test\nno /dev/kvm\nrig: end 3"),
              "ended with 3:\n6.1.0-test\nno /dev/kvm"},
             {saying("6.1.0-test\n{\n}\nrig: end 0"), "did not give the guest's report"},
             {saying("rig: end 0"), "did not give the guest's report"}}) {
        FakeRig const rig{instead};
        auto const result = run_command(rig.command({"--check"}));
        INFO(result.err);
        CHECK(result.status == 1);
        CHECK(result.out.empty());
        CHECK(holds(result.err, {"KVM's figures can't be measured", why, "--no-kvm"}));
    }
}

TEST_CASE("bench exits misses the parts of a built tree, and Debian's kernel, by their names") {
    TemporaryDirectory const directory;
    auto const tree = directory.file("tree");
    auto const build = tree / "build/release";
    for (auto const* const part : {"vmm", "guest"})
        fs::create_directories(build / part);
    auto const command = build / "vmm/twofold";
    fs::copy_file(TWOFOLD_COMMAND, command);
    auto const bench = [&] {
        return run_command(
            {.words = {command.string(), "bench", "exits"},
             .environment = {{"PATH", directory.path().string() + ":/usr/bin:/bin"}}});
    };
    auto const outside = bench();
    CHECK(outside.status == 1);
    CHECK(holds(outside.err, {"scripts/kvm-rig is missing", "built tree", "--no-kvm"}));

    fs::create_directories(tree / "scripts");
    for (auto const* const script : {"kvm-rig", "common.bash", "fetch-kernel"})
        fs::copy_file(fs::path{TWOFOLD_TREE "/scripts"} / script, tree / "scripts" / script);
    auto const unbuilt = bench();
    CHECK(unbuilt.status == 1);
    CHECK(holds(unbuilt.err, {"build/release/vmm/twofold_static is missing", "--no-kvm"}));

    for (auto const* const part :
         {"vmm/twofold_static", "vmm/twofold_launch_floor", "vmm/kvm_rig_init", "guest/hello.elf"})
        std::ofstream{build / part};
    fs::permissions(directory.write("apt-cache", "#!/bin/sh\n"), fs::perms::owner_all);
    auto const kernelless = bench();
    CHECK(kernelless.status == 1);
    CHECK(kernelless.out.empty());
    CHECK(holds(kernelless.err, {"apt-cache knows no linux-image-cloud-amd64", "--no-kvm"}));
}

TEST_CASE("bench exits that is interrupted, or killed, while Linux runs takes its machine along") {
    for (int const number : {SIGINT, SIGTERM, SIGKILL}) {
        FakeRig const rig{endless};
        BackgroundCommand twofold{rig.command({})};
        pid_t const machine = rig.process();
        REQUIRE(machine > 0);
        REQUIRE(is_alive(machine));
        REQUIRE(kill(twofold.pid(), number) == 0);
        CHECK(twofold.wait().status == 128 + number);
        CHECK(wait_until([&] { return !is_alive(machine); }));
        // Nobody is left to do it after SIGKILL.
        if (number != SIGKILL) CHECK(files_in(rig.temporary()).empty());
    }
}

} // namespace bench_exits_test
