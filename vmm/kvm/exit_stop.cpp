#include "kvm/exit_stop.hpp"

#include "kvm/entry_failure.hpp"
#include "kvm/exit_names.hpp"
#include "kvm/explain.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace twofold::vmm::kvm {

std::optional<Stop> stop_of_exit(kvm_run const& run) {
    switch (run.exit_reason) {
    case KVM_EXIT_HLT: return Stop{"halt", 0, "HLT: nothing is left that could wake the guest"};
    case KVM_EXIT_SHUTDOWN:
        return Stop{"triple_fault", 1,
                    "an exception could not be delivered, nor could the double fault"};
    case KVM_EXIT_FAIL_ENTRY: return Stop{"entry_failure", 1, entry_failure_text(run)};
    case KVM_EXIT_INTR: return std::nullopt;
    default:
        return Stop{"unknown_exit", 1,
                    fmt::format("KVM left the guest for reason {} ({}), which is not known here",
                                run.exit_reason, exit_name(run.exit_reason))};
    }
}

std::optional<Stop> stop_of_failed_entry(int error_number) {
    switch (error_number) {
    case EINTR:
    case EAGAIN: return std::nullopt; // a processor that waits to be woken
    case EFAULT:
    case ENOMEM:
        return Stop{"out_of_frames", 1,
                    "the kernel found no memory for the guest: this machine is short of it, or the "
                    "file behind the memory was cut off"};
    default: return Stop{"unknown_exit", 1, explain_call("KVM_RUN", error_number)};
    }
}

} // namespace twofold::vmm::kvm
