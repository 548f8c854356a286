#include "kvm/entry_failure.hpp"

#include <twofold/arch/vm_exit_reason.hpp>

#include <fmt/format.h>

#include <string_view>

namespace twofold::vmm::kvm {

namespace {

/// Intel SDM, "Basic VM-Exit Information": the exit is a VM entry that failed.
constexpr std::uint64_t entry_failure_bit = 1U << 31;
/// AMD APM vol. 2, "SVM Intercept Codes": VMEXIT_INVALID, as KVM hands it on.
constexpr std::uint64_t svm_invalid = 0xffff'ffff;

/// Intel SDM, "VMX Basic Exit Reasons".
std::string_view exit_reason_text(std::uint64_t basic) {
    switch (static_cast<VmExitReason>(basic)) {
    case VmExitReason::entry_failure_guest_state:
        return "VM-entry failure due to invalid guest state (Intel SDM, \"Checking and Loading "
               "Guest State\")";
    case VmExitReason::entry_failure_msr_loading:
        return "VM-entry failure due to MSR loading (Intel SDM, \"Loading MSRs\")";
    case VmExitReason::entry_failure_machine_check:
        return "VM-entry failure due to machine-check event (Intel SDM, \"Machine-Check Events "
               "During VM Entry\")";
    default: return "a VM-entry failure (Intel SDM, \"VMX Basic Exit Reasons\")";
    }
}

/// Intel SDM, "VM-Instruction Error Numbers": those of VMLAUNCH and VMRESUME.
std::string_view instruction_error_text(std::uint64_t number) {
    switch (number) {
    case 4: return "VMLAUNCH with non-clear VMCS";
    case 5: return "VMRESUME with non-launched VMCS";
    case 7: return "VM entry with invalid control field(s)";
    case 8: return "VM entry with invalid host-state field(s)";
    case 26: return "VM entry with events blocked by MOV SS";
    default: return "Intel SDM, \"VM-Instruction Error Numbers\"";
    }
}

std::string segment_text(std::string_view name, kvm_segment const& segment) {
    return fmt::format("{} {:x} base {:x} limit {:x} type {:x}{}{}{}{}{} dpl {}", name,
                       segment.selector, segment.base, segment.limit, segment.type,
                       segment.s != 0 ? " s" : "", segment.present != 0 ? " p" : "",
                       segment.l != 0 ? " l" : "", segment.db != 0 ? " db" : "",
                       segment.unusable != 0 ? " unusable" : "", segment.dpl);
}

} // namespace

std::string entry_failure_text(kvm_run const& run) {
    std::uint64_t const reason = run.fail_entry.hardware_entry_failure_reason;
    constexpr std::string_view refused = "the processor refused to enter the guest";
    if ((reason & svm_invalid) == svm_invalid)
        return fmt::format("{}: VMEXIT_INVALID, invalid guest state in the VMCB (AMD APM vol. 2, "
                           "\"Canonicalization and Consistency Checks\")",
                           refused);
    if ((reason & entry_failure_bit) != 0)
        return fmt::format("{}: reason {:#x}, {}", refused, reason,
                           exit_reason_text(reason & 0xffff));
    return fmt::format("{}: VM-instruction error {}, {}", refused, reason,
                       instruction_error_text(reason));
}

std::string checked_state_text(Processor const& processor) {
    auto const state = processor.special_registers();
    auto const registers = processor.registers();
    return fmt::format("rip {:x} rflags {:x} cr0 {:x} cr3 {:x} cr4 {:x} efer {:x}; {}; {}; {}; {}",
                       registers.rip, registers.rflags, state.cr0, state.cr3, state.cr4, state.efer,
                       segment_text("cs", state.cs), segment_text("ss", state.ss),
                       segment_text("tr", state.tr), segment_text("ldtr", state.ldt));
}

} // namespace twofold::vmm::kvm
