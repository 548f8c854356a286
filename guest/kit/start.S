// Where a guest starts, in the state that abi/launch_info.hpp promises.
    .section .text.start, "ax"
    .code64
    .globl start
start:
    leaq start_stack_end(%rip), %rsp
    rdtsc
    shlq $32, %rdx
    leaq (%rdx, %rax), %rsi
    call start_guest // RDI: LaunchInfo, RSI: ticks. Does not return.
    ud2

    // %rdi: a stack's end, %rsi: what to call on it, which does not return.
    .globl continue_on_stack
continue_on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    // Once the kernel has a stack of its own, page faults are handled on this one.
    .section .bss.start_stack, "aw", @nobits
    .balign 16
    .skip 0x2000
    .globl start_stack_end
start_stack_end:
