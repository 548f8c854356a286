// Where the processor goes on an exception or interrupt: one stub of 16 bytes for each vector. Each
// makes a TrapFrame and calls handle_trap.
    .set VECTORS, 256
    // Those whose error code the processor pushes: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX.
    .set WITH_ERROR_CODE, 1 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

    .section .text.trap_entry, "ax"
    .code64
    // No stub's address carries into its upper half, so that the table below is the linker's work.
    .balign 4096
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

    // The IDT (Intel SDM vol. 3, "64-Bit Mode IDT"): present interrupt gates of ring 0, each to its stub.
    // #DF and #PF have the interrupt stacks of traps.hpp.
    .set CODE_SELECTOR, 0x08
    .set INTERRUPT_GATE, 0x8e
    .section .data.interrupt_table, "aw"
    .balign 16
    .globl interrupt_table
interrupt_table:
    .set vector, 0
    .rept VECTORS
    .word trap_stubs_low + 16 * vector // guest.ld
    .word CODE_SELECTOR
    .if vector == 14
    .byte 1
    .elseif vector == 8
    .byte 2
    .else
    .byte 0
    .endif
    .byte INTERRUPT_GATE
    .word trap_stubs_high
    .quad 0
    .set vector, vector + 1
    .endr
