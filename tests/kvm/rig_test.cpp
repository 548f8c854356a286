// The command under KVM over real, emulated EPT: Debian's cloud kernel with kvm_intel in Bochs
// (scripts/kvm-rig), and this machine's own KVM where it works.
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/rig.hpp"
#include "tests/support/rig_debugger.hpp"
#include "tests/support/without_kvm.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace rig_test {

using namespace twofold::test;

namespace {

std::string const commands = R"(
part doctor twofold doctor
part hello twofold run hello --engine kvm --quiet -- world --exit 7
part auto twofold run hello --engine auto --quiet -- world --exit 7
part walk twofold run walk --engine kvm --quiet --memory 16M
part walk_2m twofold run walk --engine kvm --quiet --memory 16M --host-page 2m
part lazy twofold run touch --engine kvm --memory 16M --lazy-by userfault --fault-window 1 --json -
part window twofold run touch --engine kvm --memory 16M --lazy-by userfault --fault-window 16 --json -
part kernel twofold run touch --engine kvm --memory 16M --json -
part eager twofold run touch --engine kvm --memory 16M --populate eager --json -
part save twofold snapshot save /tmp/s walk --after-exits 1 --memory 16M --quiet
part restore twofold snapshot restore /tmp/s
part again twofold snapshot restore /tmp/s
part clones twofold run hello --engine kvm --memory 8M --clones 1 --repeat 2 --quiet
part board twofold run board --engine kvm --cpus 2 --memory 16M --quiet
part save_board twofold snapshot save /tmp/b board --cpus 2 --after-exits 30 --memory 16M --quiet
part restore_board twofold snapshot restore /tmp/b --quiet
dd if=/dev/zero of=/tmp/d bs=512 count=16 2> /dev/null
part disk twofold run disk --engine kvm --memory 16M --disk /tmp/d --quiet
twofold snapshot save /tmp/e hello --after-exits 1 --memory 8M --quiet > /dev/null
part spoil /guest/spoil_snapshot /tmp/e
part refused twofold snapshot restore /tmp/e
part figures twofold run exits --engine kvm --memory 16M --json - -- --vmcall
)";

/// The document that `--json -` wrote: the console stands before it, on the same terminal.
nlohmann::json document_of(std::string const& text) {
    auto const begin = text.find("{\n");
    INFO(text);
    REQUIRE(begin != std::string::npos);
    return nlohmann::json::parse(text.substr(begin), nullptr, false);
}

nlohmann::json stop_of(std::map<std::string, Part> const& parts, std::string const& name) {
    auto const document = document_of(parts.at(name).out);
    REQUIRE(document.is_object());
    return document["guests"][0]["stop"];
}

std::uint64_t faults_of(nlohmann::json const& stop) {
    auto const& faults = stop["userfaults"];
    return faults["read"].get<std::uint64_t>() + faults["write"].get<std::uint64_t>();
}

/// What the hypervisor's engine prints for the same guest.
CommandResult in_bochs(std::vector<std::string> words) {
    words.insert(words.begin(), {TWOFOLD_COMMAND, "run"});
    return run_command({.words = std::move(words)});
}

} // namespace

TEST_CASE("over emulated EPT: guests, lazy memory, snapshots and figures are what they must be") {
    auto const parts =
        parts_in_rig(commands + rig_debugger_commands(), TWOFOLD_RIG_BUILD "/tests/spoil_snapshot");
    check_rig_debugger(parts.at("debugger").out);
    CHECK(parts.at("doctor").out.find("by VT-x with EPT") != std::string::npos);

    // The same console and status as over our own hypervisor.
    auto const hello = in_bochs({"hello", "--quiet", "--", "world", "--exit", "7"});
    for (auto const* const name : {"hello", "auto"}) {
        CHECK(parts.at(name).out == hello.out);
        CHECK(parts.at(name).status == hello.status);
    }
    CHECK(hello.status == 7);
    auto const walk = in_bochs({"walk", "--quiet", "--memory", "16M"});
    CHECK(parts.at("walk").out == walk.out);
    CHECK(parts.at("walk").status == 0);
    CHECK(parts.at("walk").out.find("24 references") != std::string::npos);
    CHECK(parts.at("walk_2m").out.find("19 references") != std::string::npos);

    // One fault a page or a window; no fault of ours where the kernel brings memory in.
    auto const lazy = stop_of(parts, "lazy");
    auto const window = stop_of(parts, "window");
    CHECK(faults_of(lazy) >= 1024);
    CHECK(faults_of(window) >= 1024 / 16);
    CHECK(faults_of(window) <= 1024 / 16 + faults_of(lazy) - 1024 + 2);
    CHECK(faults_of(stop_of(parts, "kernel")) == 0);
    CHECK(stop_of(parts, "kernel")["kernel"]["pf_fixed"] >= 1024);
    CHECK(stop_of(parts, "eager")["frames"]["memory"] == 4096);
    CHECK(stop_of(parts, "lazy")["frames"]["memory"] < 1200);

    // Each of two guests is put back once.
    auto const& clones = parts.at("clones");
    CHECK(clones.status == 0);
    for (std::string const line : {"[0] hello from hello\n", "[1] hello from hello\n"}) {
        auto const first = clones.out.find(line);
        REQUIRE(first != std::string::npos);
        CHECK(clones.out.find(line, first + 1) != std::string::npos);
    }

    // What a processor refuses to enter is said so, with its reason and the state that it looked
    // at.
    CHECK(parts.at("spoil").status == 0);
    CHECK(parts.at("refused").status == 1);
    CHECK(holds(parts.at("refused").out,
                {"entry failure", "reason 0x80000021",
                 "VM-entry failure due to invalid guest state", "cs 8", "l db dpl 0"}));

    // A snapshot goes on where it was frozen, and its pages are known the second time.
    CHECK(parts.at("save").status == 0);
    CHECK(parts.at("save").out.empty()); // it was about to tell of its first walk
    for (auto const* const name : {"restore", "again"}) {
        CHECK(parts.at(name).status == 0);
        CHECK(parts.at(name).out.starts_with(parts.at("walk").out));
    }
    CHECK(parts.at("restore").out.find("from a snapshot, 0 pages") != std::string::npos);
    CHECK(parts.at("again").out.find("from a snapshot, 0 pages") == std::string::npos);

    // Interrupt controllers, timer, and a second processor.
    CHECK(parts.at("board").status == 0);
    CHECK(parts.at("board").out.find("processor 1 woke") != std::string::npos);
    CHECK(parts.at("board").out.find("sum 2000") != std::string::npos);
    CHECK(parts.at("save_board").out + parts.at("restore_board").out == parts.at("board").out);
    CHECK(parts.at("disk").out.find("8 of 8 sectors") != std::string::npos);

    auto const figures = document_of(parts.at("figures").out)["guests"][0]["figures"];
    std::map<std::string, std::uint64_t> ticks;
    for (auto const& figure : figures)
        ticks[figure["name"]] = figure["value"];
    CHECK(ticks.at("cpuid_exit") > 500);
    CHECK(ticks.at("vmcall_exit") > 500);
    CHECK(ticks.at("first_write_4k") > ticks.at("cpuid_exit"));
}

TEST_CASE("a guest with the devices of a PC is interrupted, and wakes its other processors") {
    if (without_kvm()) return;
    auto const result = in_bochs({"board", "--engine", "kvm", "--cpus", "3", "--quiet"});
    CHECK(result.status == 0);
    CHECK(result.out == "processors 3\nprocessors in the MP table 3\nclock valid\ntimer interrupts "
                        "3\nsent by interrupt\n"
                        "serial interrupts 19\nprocessor 1 woke\nprocessor 2 woke\nsum 3000\n");
    auto const bare = in_bochs({"board", "--engine", "kvm", "--quiet"});
    CHECK(bare.out == "processors 1\nsum 1000\n");
}

TEST_CASE(
    "what a guest writes to its virtio disk is in the file, and a locked file stays as it is") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const file = directory.write("disk", std::string(16 * 512, '\0'));
    auto const run = [&](std::vector<std::string> const& options) {
        std::vector<std::string> words{"disk", "--engine", "kvm", "--quiet", "--disk", file};
        words.insert(words.end(), options.begin(), options.end());
        return in_bochs(words);
    };
    auto const locked = run({"--disk-read-only"});
    CHECK(locked.out == "through the virtio console\ndisk of 16 sectors\nreading behind its end: "
                        "status 1\nread-only: writing: status 1\n");
    CHECK(contents_of(file) == std::string(16 * 512, '\0'));
    auto const written = run({});
    CHECK(written.out == "through the virtio console\ndisk of 16 sectors\nreading behind its end: "
                         "status 1\n8 of 8 sectors written and read back\n");
    CHECK(written.status == 0);
    auto const bytes = contents_of(file);
    CHECK(bytes[7 * 512 + 4] == 7); // sector << 32 | word, as the guest wrote it
    CHECK(bytes[7 * 512 + 8] == 1);
    CHECK(bytes.substr(8 * 512) == std::string(8 * 512, '\0'));

    directory.write("disk", "odd");
    auto const odd = run({});
    CHECK(odd.status == 1);
    CHECK(holds(odd.err, {"--disk", "3 bytes", "whole number of sectors"}));
    CHECK(holds(in_bochs({"disk", "--engine", "kvm", "--disk", "/nowhere"}).err,
                {"--disk: can't open /nowhere", "No such file"}));
}

TEST_CASE("a machine that was frozen among interrupts and processors goes on where it stood") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const file = directory.file("board.snap").string();
    auto const whole = in_bochs({"board", "--engine", "kvm", "--cpus", "2", "--quiet"}).out;
    // Before the first instruction, while the timer ticks, while bytes are sent, and when the
    // second processor waits.
    for (std::string const exits : {"0", "16", "30", "57"}) {
        auto const saved =
            run_command({{TWOFOLD_COMMAND, "snapshot", "save", file, "board", "--cpus", "2",
                          "--memory", "16M", "--after-exits", exits, "--quiet"}});
        INFO(exits << saved.err);
        REQUIRE(saved.status == 0);
        auto const restored =
            run_command({{TWOFOLD_COMMAND, "snapshot", "restore", file, "--quiet"}});
        INFO(restored.err);
        CHECK(restored.status == 0);
        CHECK(saved.out + restored.out == whole);
    }
}

TEST_CASE("on this machine's own KVM, where it works, hello says what it says in Bochs") {
    if (without_kvm()) return;
    auto const kvm = in_bochs({"hello", "--engine", "kvm", "--quiet", "--", "x", "--exit", "3"});
    auto const bochs = in_bochs({"hello", "--quiet", "--", "x", "--exit", "3"});
    CHECK(kvm.out == bochs.out);
    CHECK(kvm.status == 3);
}

} // namespace rig_test
