// A guest's general registers while the hypervisor runs, as enter.S leaves them on the stack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace twofold::hv {

/// In the order in which exits push them, last first. The place of RSP, which the VMCS holds, is
/// free.
struct Registers {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;

    /// The register that instructions encode as `number`, 0 being RAX; `number` is not 4, which is
    /// RSP.
    [[nodiscard]] std::uint64_t& by_number(unsigned number) {
        std::uint64_t* const all[] = {&rax, &rcx, &rdx, &rbx, nullptr, &rbp, &rsi, &rdi,
                                      &r8,  &r9,  &r10, &r11, &r12,    &r13, &r14, &r15};
        return *all[number & 15];
    }
};
static_assert(sizeof(Registers) == 15 * 8 && offsetof(Registers, rax) == 14 * 8);

} // namespace twofold::hv
