// Why VT-x left a guest (Intel SDM vol. 3, appendix "VMX Basic Exit Reasons").
#pragma once

#include <cstdint>
#include <string_view>

namespace twofold {

enum class VmExitReason : std::uint16_t {
    exception_or_nmi = 0,
    external_interrupt = 1,
    triple_fault = 2,
    init_signal = 3,
    startup_ipi = 4,
    task_switch = 9,
    cpuid = 10,
    getsec = 11,
    hlt = 12,
    invd = 13,
    invlpg = 14,
    rdpmc = 15,
    rdtsc = 16,
    vmcall = 18,
    vmclear = 19,
    vmlaunch = 20,
    vmptrld = 21,
    vmptrst = 22,
    vmread = 23,
    vmresume = 24,
    vmwrite = 25,
    vmxoff = 26,
    vmxon = 27,
    control_register_access = 28,
    mov_dr = 29,
    io_instruction = 30,
    rdmsr = 31,
    wrmsr = 32,
    entry_failure_guest_state = 33,
    entry_failure_msr_loading = 34,
    mwait = 36,
    monitor_trap_flag = 37,
    monitor = 39,
    pause = 40,
    entry_failure_machine_check = 41,
    gdtr_or_idtr_access = 46,
    ldtr_or_tr_access = 47,
    ept_violation = 48,
    ept_misconfiguration = 49,
    invept = 50,
    rdtscp = 51,
    preemption_timer = 52,
    invvpid = 53,
    wbinvd = 54,
    xsetbv = 55,
    rdrand = 57,
    invpcid = 58,
    vmfunc = 59,
    rdseed = 61,
    page_modification_log_full = 62,
    xsaves = 63,
    xrstors = 64,
};

/// One more than the largest reason that is told apart.
inline constexpr unsigned vm_exit_reasons = 65;

/// For reports; "other" for what has no name here.
constexpr std::string_view name_of(VmExitReason reason) {
    switch (reason) {
        using enum VmExitReason;
    case exception_or_nmi: return "exception";
    case external_interrupt: return "external_interrupt";
    case triple_fault: return "triple_fault";
    case task_switch: return "task_switch";
    case cpuid: return "cpuid";
    case hlt: return "hlt";
    case invd: return "invd";
    case invlpg: return "invlpg";
    case rdpmc: return "rdpmc";
    case vmcall: return "vmcall";
    case control_register_access: return "control_register";
    case io_instruction: return "port";
    case rdmsr: return "rdmsr";
    case wrmsr: return "wrmsr";
    case mwait: return "mwait";
    case monitor: return "monitor";
    case ept_violation: return "ept_violation";
    case ept_misconfiguration: return "ept_misconfiguration";
    case preemption_timer: return "preemption_timer";
    case wbinvd: return "wbinvd";
    case xsetbv: return "xsetbv";
    case page_modification_log_full: return "page_modification_log_full";
    case vmclear:
    case vmlaunch:
    case vmptrld:
    case vmptrst:
    case vmread:
    case vmresume:
    case vmwrite:
    case vmxoff:
    case vmxon:
    case invept:
    case invvpid:
    case vmfunc: return "vmx_instruction";
    default: return "other";
    }
}

} // namespace twofold
