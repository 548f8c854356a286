// Doing what may raise an exception: whoever handles it comes back to end_attempt.

    .text
    .code64
    // void begin_attempt(void (*action)(void*), void* argument)
    .globl begin_attempt
begin_attempt:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, attempt_stack(%rip)
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    // %rsp is attempt_stack here, by either way.
    .globl end_attempt
end_attempt:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .bss
    .balign 8
    .globl attempt_stack
attempt_stack:
    .skip 8
