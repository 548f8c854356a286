// Why a guest stopped running, free of what any one processor says about it: the seam between what
// a hypervisor decides and how VT-x, SVM or KVM tell it.
#pragma once

#include <twofold/memory/violation.hpp>

#include <cstdint>
#include <variant>

namespace twofold {

namespace vm_exit {

/// The second dimension did not allow an access.
struct NestedFault {
    Violation violation;
};
/// An entry of the second dimension is malformed.
struct Misconfiguration {
    Gpa gpa;
};
struct Cpuid {};
struct Halt {};
struct Hypercall {};
/// IN, OUT, INS or OUTS.
struct PortAccess {
    std::uint16_t port;
    /// 1, 2 or 4.
    std::uint8_t bytes;
    bool in;
    bool string;
    bool repeated;
};
struct MsrRead {};
struct MsrWrite {};
/// MOV to or from a control register, CLTS or LMSW.
struct ControlRegister {
    enum class Operation : std::uint8_t {
        move_to,
        move_from,
        clear_task_switched,
        load_machine_status
    };
    std::uint8_t number;
    Operation operation;
    /// Operand register as instructions encode it, 0 being RAX.
    std::uint8_t register_number;
    std::uint16_t machine_status;
};
struct InvalidatePage {
    Gva gva;
};
struct Exception {
    std::uint8_t vector;
};
struct TripleFault {};
/// The guest's time is up.
struct TimerExpired {};
/// Whatever has no meaning of its own here. `reason` is the processor's number.
struct Unknown {
    std::uint64_t reason;
};

} // namespace vm_exit

using VmExit =
    std::variant<vm_exit::NestedFault, vm_exit::Misconfiguration, vm_exit::Cpuid, vm_exit::Halt,
                 vm_exit::Hypercall, vm_exit::PortAccess, vm_exit::MsrRead, vm_exit::MsrWrite,
                 vm_exit::ControlRegister, vm_exit::InvalidatePage, vm_exit::Exception,
                 vm_exit::TripleFault, vm_exit::TimerExpired, vm_exit::Unknown>;

} // namespace twofold
