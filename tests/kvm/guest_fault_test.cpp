// Guests that fault, and what is said of them: kernels of a few instructions on this machine's own
// KVM. Without it each counts as skipped.
#include "kvm/crash_text.hpp"
#include "kvm/exit_stop.hpp"
#include "kvm/host.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

#include <nlohmann/json.hpp>

#include <cerrno>

namespace guest_fault_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

CommandResult run_kernel(std::initializer_list<unsigned> instructions,
                         std::vector<std::string> const& options = {}) {
    TemporaryDirectory const directory;
    std::vector<std::string> words{
        TWOFOLD_COMMAND, "run", small_kernel(directory, instructions), "--engine", "kvm",
        "--memory",      "8M"};
    words.insert(words.end(), options.begin(), options.end());
    return run_command({words});
}

nlohmann::json stop_of(CommandResult const& result) {
    return nlohmann::json::parse(result.out)["guests"][0]["stop"];
}

} // namespace

TEST_CASE("an instruction that KVM cannot emulate is named, with its bytes and the registers") {
    if (without_kvm()) return;
    auto const result = run_kernel({0x0f, 0x58, 0xc0}); // addps xmm0, xmm0
    INFO(result.err);
    if (kvm::examine_host().paging != kvm::Paging::software) {
        CHECK(result.status == 0); // a processor executes it
        return;
    }
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"unknown exit at rip 0x400000", "KVM stopped (suberror 1)",
                             "instruction at 0x400000: 0f 58 c0", "(addps xmm0, xmm0)",
                             "no VT-x or AMD-V", "rax ", "rflags ", "cr3 "}));
}

TEST_CASE("that a host has no VT-x is said of none that has it") {
    using enum kvm::Paging;
    auto const reason = [](kvm::Paging host) {
        return std::string{kvm::internal_error_reason(KVM_INTERNAL_ERROR_EMULATION, host)};
    };
    for (auto const host : {ept, npt, shadow_on_intel, shadow_on_amd})
        CHECK(reason(host).find("no VT-x") == std::string::npos);
    CHECK(holds(reason(software), {"no VT-x or AMD-V"}));
}

TEST_CASE("an exception that nobody takes is a triple fault, at its instruction") {
    if (without_kvm()) return;
    auto const result = run_kernel({0x90, 0x0f, 0x0b}); // nop; ud2
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"triple fault at rip 0x400001", "could not be delivered"}));
}

TEST_CASE("a guest that never ends is ended by its limit, one that halts has ended") {
    if (without_kvm()) return;
    auto const loop = run_kernel({0xeb, 0xfe}, {"--timeout", "0.2"});
    CHECK(loop.status == 1);
    CHECK(holds(loop.err, {"time limit", "longer than it was allowed"}));
    auto const quiet = run_kernel({0xeb, 0xfe}, {"--timeout", "0.2", "--quiet"});
    CHECK(quiet.status == 1);
    CHECK(quiet.err ==
          "kernel: time limit at rip 0x400000: the guest ran longer than it was allowed to\n");
    auto const halted = run_kernel({0xf4});
    CHECK(halted.status == 0);
    CHECK(holds(halted.err, {"halt"}));
}

TEST_CASE("a guest that halts with interrupts off has ended, and one that can be woken has not") {
    if (without_kvm()) return;
    for (std::string const cpus : {"1", "3"}) {
        auto const ended = run_kernel({0xfa, 0xf4}, {"--devices", "pc", "--cpus", cpus});
        CHECK(ended.status == 0);
        CHECK(holds(ended.err, {"halt", "interrupts off"}));
    }
    auto const waits = run_kernel({0xfb, 0xf4}, // sti; hlt
                                  {"--devices", "pc", "--timeout", "0.6"});
    CHECK(waits.status == 1);
    CHECK(holds(waits.err, {"time limit"}));
}

TEST_CASE("a debug exit ends a guest that has the devices of a PC, and no other") {
    if (without_kvm()) return;
    std::initializer_list<unsigned> const code{0xb0, 3, 0xe6, 0xf4}; // mov al, 3; out 0xf4, al
    CHECK(run_kernel(code, {"--devices", "pc"}).status == 7);
    auto const bare = run_kernel(code, {"--json", "-"});
    CHECK(bare.status == 0);
    CHECK(stop_of(bare)["policy"]["unknown_ports"] == 1);
}

TEST_CASE("an unknown port stops the guest, is named, or is only counted, as the policy has it") {
    if (without_kvm()) return;
    std::initializer_list<unsigned> const code{0xe4, 0x80, 0xe6, 0x80}; // in al, 0x80; out 0x80, al
    auto const stopped = run_kernel(code, {"--unknown-io", "stop"});
    CHECK(stopped.status == 1);
    CHECK(holds(stopped.err, {"unknown port", "IN from port 0x80", "--unknown-io ignore"}));
    auto const warned = run_kernel(code, {"--unknown-io", "warn"});
    CHECK(warned.status == 0);
    CHECK(holds(warned.err, {"port 0x80", "1 read, 1 written"}));
    auto const json = run_kernel(code, {"--unknown-io", "warn", "--json", "-"});
    CHECK(stop_of(json)["unknown_places"][0]["place"] == "port 0x80");
    auto const ignored = run_kernel(code, {"--unknown-io", "ignore", "--json", "-"});
    CHECK(stop_of(ignored)["policy"]["unknown_ports"] == 2);
    CHECK_FALSE(stop_of(ignored).contains("unknown_places"));
}

TEST_CASE("each exit that is an end has its reason") {
    kvm_run run{};
    run.exit_reason = KVM_EXIT_SHUTDOWN;
    CHECK(kvm::stop_of_exit(run)->reason == "triple_fault");
    run.exit_reason = KVM_EXIT_HLT;
    CHECK(kvm::stop_of_exit(run)->code == 0);
    run.exit_reason = KVM_EXIT_INTR;
    CHECK_FALSE(kvm::stop_of_exit(run).has_value());
    run.exit_reason = 4711;
    CHECK(holds(kvm::stop_of_exit(run)->message, {"reason 4711"}));
}

TEST_CASE("KVM_RUN that fails is repeated, or ends the guest with the system's words") {
    CHECK_FALSE(kvm::stop_of_failed_entry(EINTR).has_value());
    CHECK_FALSE(kvm::stop_of_failed_entry(EAGAIN).has_value());
    for (int const error : {EFAULT, ENOMEM})
        CHECK(kvm::stop_of_failed_entry(error)->reason == "out_of_frames");
    CHECK(holds(kvm::stop_of_failed_entry(EINVAL)->message, {"KVM_RUN", "Invalid argument"}));
}

} // namespace guest_fault_test
