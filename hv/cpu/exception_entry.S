// Where the processor goes on an exception or interrupt: one stub of 16 bytes for each vector that
// is the processor's own, and a last one for all others. Each makes an ExceptionFrame and calls
// handle_exception, which does not return.
    .set VECTORS, 32
    // Those whose error code the processor pushes: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX.
    .set WITH_ERROR_CODE, 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

    .section .text.exception_entry, "ax"
    .code64
    .balign 16
    .globl exception_stubs
exception_stubs:
    .set vector, 0
    .rept VECTORS + 1
    .balign 16
    .if vector == VECTORS || !(WITH_ERROR_CODE >> vector & 1)
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
    call handle_exception
    ud2
