// The built command, told nonsense.
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace command_line_test {

using namespace twofold::test;

namespace {

struct Misuse {
    std::vector<std::string> words;
    std::string_view said;
};

} // namespace

TEST_CASE("usage errors exit with 2, say what would be right, and start nothing") {
    FakeBochs const bochs{"", whole_report(0), "touch \"$here/started\""};
    for (auto const& [words, said] : std::vector<Misuse>{
             {{}, "subcommand is required"},
             {{"frobnicate"}, "no command 'frobnicate'"},
             {{"run"}, "guest is required"},
             {{"run", "g", "--bogus"}, "--bogus"},
             {{"run", "g", "--memory"}, "--memory"},
             {{"run", "g", "--memory", "0"}, "--memory: a guest needs some memory"},
             {{"run", "g", "--memory", "1000"}, "not a multiple of 4096"},
             {{"run", "g", "--memory", "sixty"}, "such as 64M"},
             {{"run", "g", "--memory", "99999999999999999999"}, "64 bits"},
             {{"run", "g", "--memory", "16E"}, "not a size"},
             {{"run", "g", "--memory", "8G"}, "at most 4096 MiB"},
             {{"run", "g", "--memory", "3M", "--host-page", "2m"}, "4 MiB would do"},
             {{"run", "g", "--memory", "1G", "--host-page", "1g", "--guest-page", "3k"}, "4k, 2m"},
             {{"run", "g", "--memory", "64M", "--host-page", "1g"}, "1 GiB would do"},
             {{"run", "g", "--host-page", "4m"}, "4k, 2m and 1g"},
             {{"run", "g", "--populate", "now"}, "neither lazy nor eager"},
             {{"run", "g", "--timeout", "-1"}, "--timeout"},
             {{"run", "g", "--clones", "65536"}, "--clones: Value 65536 not in range"},
             {{"run", "g", "--timeout", "soon"}, "write seconds"},
             {{"run", "g", "--engine", "vmware"}, "there are bochs, qemu, kvm and auto"},
             {{"run", "g", "--cpu", "x,count=2"}, "not a processor model"},
             {{"run", "g", "--machine-memory", "1K"}, "multiple of 1M"},
             {{"run", "g", "--native", "--host-page", "4k"}, "excludes"},
             {{"run", "g", "--native", "--populate", "eager"}, "excludes"},
             {{"walk", "g", "--check", "--engine", "kvm"}, "--check needs --engine bochs"},
             {{"run", "g", "--engine", "kvm", "--cpu", "max"}, "engines that emulate a machine"},
             {{"run", "g", "--engine", "kvm", "--lazy-by", "magic"},
              "neither kernel nor userfault"},
             {{"run", "g", "--engine", "kvm", "--fault-window", "3"}, "not a power of two"},
             {{"run", "g", "--engine", "kvm", "--repeat", "0"}, "--repeat: 0 is not from 1 to"},
             {{"run", "g", "--devices", "pc"}, "need --engine kvm"},
             {{"run", "g", "--engine", "kvm", "--devices", "most"}, "neither bare nor pc"},
             {{"run", "g", "--engine", "kvm", "--cpus", "0"}, "not from 1 to 254"},
             {{"run", "g", "--engine", "kvm", "--cpus", "2", "--devices", "bare"},
              "need --devices pc"},
             {{"run", "g", "--disk", "d"}, "need --engine kvm"},
             {{"run", "g", "--engine", "kvm", "--disk", "d", "--devices", "bare"},
              "a disk needs --devices pc"},
             {{"run", "g", "--engine", "kvm", "--disk-read-only"}, "requires --disk"},
             {{"run", "g", "--engine", "kvm", "--unknown-io", "shout"}, "ignore, warn and stop"},
             {{"run", "g", "--engine", "kvm", "--native"}, "needs an engine that emulates"},
             {{"walk", "g", "--check", "--engine", "qemu"}, "--check needs --engine bochs"},
             {{"image", "g"}, "--output is required"},
             {{"image", "g", "g", "--native", "-o", "i"}, "only one guest"},
             {{"explore", "g"}, "--output is required"},
             {{"run", "g", "--@", "x"}, "not expected: --@"},
             {{"run", "g", "--nativ"}, "not expected: --nativ"},
             {{"run", "g", "--native", "--populate", "eager"}, "excludes --native"},
             {{"run", "g", "--native", "--swap", "8M"}, "excludes"},
             {{"run", "g", "--weights", "1", "--memory=3"}, "not a multiple of 4096"},
             {{"bench", "everything"}, "there is: exits, memory, "},
             {{"bench", "walk", "--no-kvm"}, "measures nothing of KVM's"},
             {{"bench", "walk", "--turns", "3"}, "'walk' does not take turns with a floor"},
             {{"bench", "lazy", "--turns", "0"}, "not in range"},
             {{"completion", "fish"}, "there is: bash"},
         }) {
        auto const result = bochs.run(words);
        INFO(result.err);
        CHECK(result.status == 2);
        CHECK(holds(result.err, {"twofold: ", said}));
        CHECK(result.out.empty());
        CHECK_FALSE(std::filesystem::exists(bochs.path() / "started"));
    }
}

TEST_CASE("every command has help with examples, and help is success") {
    FakeBochs const bochs{"", ""};
    for (auto const* const command :
         {"run", "walk", "explore", "image", "bench", "snapshot", "doctor", "completion"}) {
        auto const result = bochs.run({command, "--help"});
        CHECK(result.status == 0);
        CHECK(holds(result.out, {"Examples:", std::string{"twofold "} + command}));
        CHECK(result.err.empty());
    }
    CHECK(bochs.run({"--help"}).status == 0);
    CHECK(holds(bochs.run({"--version"}).out, {"twofold ", "."}));
}

TEST_CASE("a guest that can't be loaded is refused before anything starts") {
    FakeBochs const bochs{"", whole_report(0), "touch \"$here/started\""};
    auto const whole = contents_of(bochs.guest_file());
    auto const file = (bochs.path() / "bad.elf").string();
    auto const attempt = [&](std::string_view contents, std::vector<std::string> more = {}) {
        std::ofstream{file, std::ios::binary} << contents;
        std::vector<std::string> words{"run", file};
        words.insert(words.end(), more.begin(), more.end());
        auto result = bochs.run(words);
        CHECK(result.status == 1);
        CHECK(holds(result.err, {"twofold: ", file}));
        CHECK_FALSE(std::filesystem::exists(bochs.path() / "started"));
        return result.err;
    };
    CHECK(holds(attempt("#!/bin/sh\n"), {"not an ELF file"}));
    CHECK(holds(attempt(""), {"the file ends after 0 bytes"}));
    CHECK(holds(attempt(whole.substr(0, 100)), {"e_phnum at offset 0x38"}));
    std::string wrong_machine = whole;
    wrong_machine[18] = 3;
    CHECK(holds(attempt(wrong_machine), {"e_machine at offset 0x12"}));
    CHECK(holds(attempt(whole, {"--memory", "1M"}), {"p_paddr", "guest memory"}));

    CHECK(holds(bochs.run({"run", "nobody"}).err, {"no guest 'nobody'", "which has bad", ", g"}));
    CHECK(holds(bochs.run({"run", ""}).err, {"no guest ''"}));
    CHECK(holds(bochs.run({"run", "/"}).err, {"Is a directory"}));
    CHECK(holds(bochs.run({"run", "/dev/zero"}).err, {"not a regular file"}));
}

TEST_CASE("image writes a bootable disk, or nothing") {
    FakeBochs const bochs{"", ""};
    auto const disk = bochs.path() / "disk.img";
    auto const result = bochs.run({"image", "g", "g", "-o", disk.string()});
    INFO(result.err);
    CHECK(result.status == 0);
    CHECK(holds(result.out, {"disk.img", "2 guests", "MiB of memory"}));
    CHECK(std::filesystem::file_size(disk) % (16 * 63 * 512) == 0);

    auto const full = bochs.run({"image", "g", "-o", "/dev/full"});
    CHECK(full.status == 1);
    CHECK(holds(full.err, {"/dev/full", "No space left on device"}));
}

TEST_CASE("doctor has a line for each thing, and exits with 1 when guests can't be run") {
    FakeBochs const bochs{"", ""};
    auto const healthy = bochs.run({"doctor"});
    for (auto const* const thing :
         {"bochs", "firmware", "hypervisor", "guests", "memory", "disk space", "qemu", "kvm"})
        CHECK(healthy.out.find(thing) != std::string::npos);

    auto command = bochs.command({"doctor", "--json", "-"});
    command.environment["TWOFOLD_BOCHS"] = "/nowhere/bochs";
    auto const sick = run_command(command);
    CHECK(sick.status == 1);
    auto const json = nlohmann::json::parse(sick.out);
    CHECK(json["usable"] == false);
    CHECK(json["checks"][0]["name"] == "bochs");
    CHECK(json["checks"][0]["ok"] == false);
    CHECK(holds(json["checks"][0]["remedy"].get<std::string>(), {"apt-get install bochs"}));
}

TEST_CASE("the completion script is valid, and knows commands, options, values and guests") {
    FakeBochs const bochs{"", ""};
    auto const script = (bochs.path() / "completion").string();
    auto command = bochs.command({"completion", "bash"});
    command.output_file = script;
    REQUIRE(run_command(command).status == 0);
    auto const completed = [&](std::string const& words, int position) {
        auto bash = bochs.command({});
        bash.words = {"bash", "-c",
                      "source " + script + "; COMP_WORDS=(" TWOFOLD_COMMAND " " + words +
                          "); COMP_CWORD=" + std::to_string(position) +
                          "; _twofold; echo \"${COMPREPLY[*]}\""};
        return run_command(bash).out;
    };
    CHECK(completed("wa", 1) == "walk\n");
    CHECK(completed("run --host-page ''", 3) == "4k 2m 1g\n");
    CHECK(completed("run --pop", 2) == "--populate\n");
    CHECK(holds(completed("run ''", 2), {"g"}));
}

} // namespace command_line_test
