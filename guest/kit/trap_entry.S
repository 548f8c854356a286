// Where the processor goes on an exception or interrupt: one stub of 16 bytes for each vector. Each
// makes a TrapFrame and calls handle_trap.
    .set VECTORS, 256
    // Those whose error code the processor pushes: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX.
    .set WITH_ERROR_CODE, 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

    .section .text.trap_entry, "ax"
    .code64
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept VECTORS
    .balign 16
    .if vector > 31 || !(WITH_ERROR_CODE >> vector & 1)
    pushq $0
    .endif
    pushq $vector
    jmp save_frame
    .set vector, vector + 1
    .endr

save_frame:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call handle_trap
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp // Vector and error code.
    iretq
