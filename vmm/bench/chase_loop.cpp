#include "bench/chase_loop.hpp"

// By hand, so that a guest can be given the very same instructions. Arguments are in rdi and rsi,
// the result in rax (System V ABI, "Parameter Passing").
asm(R"(
    .pushsection .text
    .p2align 6
    .globl twofold_chase
    .globl twofold_chase_end
twofold_chase:
    mov (%rdi), %rdi
    dec %rsi
    jnz twofold_chase
    mov %rdi, %rax
    ret
twofold_chase_end:
    .popsection
)");

namespace twofold::vmm {

extern "C" std::byte const twofold_chase_end;

std::span<std::byte const> chase_code() {
    auto const* const begin = reinterpret_cast<std::byte const*>(&twofold_chase);
    return {begin, &twofold_chase_end};
}

} // namespace twofold::vmm
