// Instructions whose addresses are known: what comes next is at stub_NAME_next.

    .macro stub name, instruction:vararg
    .globl stub_\name, stub_\name\()_next
stub_\name:
    \instruction
stub_\name\()_next:
    ret
    .endm

    .text
    .code64
    stub breakpoint, int3
    stub icebp, .byte 0xf1
    stub interrupt_80, int $0x80
    stub undefined, ud2

    // `int n` for each n, 4 bytes apart.
    .balign 4
    .globl interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .byte 0xcd, vector
    ret
    nop
    .set vector, vector + 1
    .endr

    // Single steps: TF is set here, and each of the instructions after POPF ends in one #DB.
    .globl step_through
step_through:
    movq %rbx, %r8
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    movl $1, %eax
    cpuid // exits, and is a step all the same
    nop
    pushfq
    andq $~0x100, (%rsp)
    popfq // the last step
    movq %r8, %rbx
    ret
