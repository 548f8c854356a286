// Guests that the processor refuses to enter, and what is said of them. rig_test has one over real,
// emulated VT-x.
#include "kvm/entry_failure.hpp"
#include "kvm/exit_stop.hpp"
#include "kvm/host.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/spoiled_snapshot.hpp"
#include "tests/support/without_kvm.hpp"

namespace entry_failure_test {

using namespace twofold::test;
namespace kvm = twofold::vmm::kvm;

namespace {

/// What is said when KVM leaves the guest with that reason.
twofold::vmm::kvm::Stop refused_for(std::uint64_t reason) {
    kvm_run run{};
    run.exit_reason = KVM_EXIT_FAIL_ENTRY;
    run.fail_entry.hardware_entry_failure_reason = reason;
    return kvm::stop_of_exit(run).value_or(kvm::Stop{});
}

} // namespace

TEST_CASE(
    "a failed entry is an end of its own, with the processor's reason in its manual's words") {
    CHECK(refused_for(0x80000021).reason == "entry_failure");
    CHECK(refused_for(0x80000021).code == 1);
    for (auto const& [reason, words] : std::initializer_list<std::pair<std::uint64_t, char const*>>{
             {0x80000021, "reason 0x80000021, VM-entry failure due to invalid guest state"},
             {0x80000022, "VM-entry failure due to MSR loading"},
             {0x80000029, "VM-entry failure due to machine-check event"},
             {0x80000001, "reason 0x80000001, a VM-entry failure"},
             {4, "VM-instruction error 4, VMLAUNCH with non-clear VMCS"},
             {5, "VMRESUME with non-launched VMCS"},
             {7, "VM-instruction error 7, VM entry with invalid control field(s)"},
             {8, "VM entry with invalid host-state field(s)"},
             {26, "VM entry with events blocked by MOV SS"},
             {99, "VM-instruction error 99, Intel SDM"},
             {0xffffffff, "VMEXIT_INVALID"},
             {~std::uint64_t{0}, "VMEXIT_INVALID"}})
        CHECK(holds(refused_for(reason).message, {"the processor refused to enter", words}));
}

TEST_CASE("a guest whose state no processor takes ends by itself, and no other way") {
    if (without_kvm()) return;
    TemporaryDirectory const directory;
    auto const file = directory.file("guest.snap").string();
    REQUIRE(run_command({{TWOFOLD_COMMAND, "snapshot", "save", file, "hello", "--memory", "8M",
                          "--after-exits", "1", "--quiet"}})
                .status == 0);
    spoil_code_segment(file);
    auto const result =
        run_command({{TWOFOLD_COMMAND, "snapshot", "restore", file, "--timeout", "20"}});
    INFO(result.err);
    if (kvm::examine_host().paging == kvm::Paging::software) {
        // Emulated, no processor looks at it: there the guest goes on.
        CHECK(result.status == 0);
        return;
    }
    CHECK(result.status == 1);
    CHECK(holds(result.err, {"entry failure", "refused to enter", "invalid guest state", "l db"}));
}

} // namespace entry_failure_test
