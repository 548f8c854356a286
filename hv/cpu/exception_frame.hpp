// What exception_entry.S leaves on the stack.
#pragma once

#include <cstdint>

namespace twofold::hv {

struct ExceptionFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    std::uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    /// 32 stands for every vector that is not the processor's own.
    std::uint64_t vector;
    /// 0 where the processor gives none.
    std::uint64_t error_code;
    std::uint64_t rip, cs, rflags, rsp, ss;
};
// The processor aligns the stack to 16 bytes before it pushes, so a call from below is aligned too.
static_assert(sizeof(ExceptionFrame) == 22 * 8 && sizeof(ExceptionFrame) % 16 == 0);

} // namespace twofold::hv
