// Out of 64-bit mode, one access in another paging mode, and back. No stack is used on the way: the
// kernel's own lies above what 32 bits reach.
    .set CODE_64, 0x08
    .set CODE_32, 0x28 // of the kit's table
    .set HYPERCALL_PORT, 0x5f0
    .set HYPERCALL_EXIT, 1
    .set HYPERCALL_WALK, 2
    .set EFER, 0xc0000080
    .set LONG_MODE_ENABLE, 0x100
    .set PAGING, 0x80000000

    // OtherMode
    .set CR3, 0
    .set CR4, 4
    .set PAGING_BIT, 8
    .set GVA, 12
    .set AFTERWARDS, 16
    .set RESULT, 20

    .bss
    .balign 8
saved:
    .skip 8 * 8
kept_cr3:
    .skip 8
kept_cr4:
    .skip 8

    .section .text.walk_in_mode, "ax"
    .code64
    // %rdi: an OtherMode, below 4 GiB.
    .globl walk_in_mode
walk_in_mode:
    // What the other modes do not have is lost there.
    movq %rbx, saved
    movq %rbp, saved + 8
    movq %r12, saved + 16
    movq %r13, saved + 24
    movq %r14, saved + 32
    movq %r15, saved + 40
    movq %rsp, saved + 48
    movq %rdi, saved + 56
    movq %cr3, %rax
    movq %rax, kept_cr3
    movq %cr4, %rax
    movq %rax, kept_cr4
    movl %edi, %esi
    pushq $CODE_32
    leaq leave_64_bit(%rip), %rax
    pushq %rax
    lretq

    .code32
leave_64_bit:
    movl %cr0, %eax
    andl $~PAGING, %eax
    movl %eax, %cr0
    movl $EFER, %ecx
    rdmsr
    andl $~LONG_MODE_ENABLE, %eax
    wrmsr
    movl CR4(%esi), %eax
    movl %eax, %cr4
    movl CR3(%esi), %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl PAGING_BIT(%esi), %eax
    movl %eax, %cr0

    // The first touch brings the page in and sets every accessed and dirty bit; the second one
    // finds nothing cached (guest/walk/window.hpp).
    movl GVA(%esi), %edi
    movb (%edi), %al
    movb %al, (%edi)
    invlpg (%edi)
    .balign 16
    xchg %bx, %bx
    movb (%edi), %al
    xchg %bx, %bx

    movl AFTERWARDS(%esi), %eax
    testl %eax, %eax
    jz enter_64_bit
    movl $HYPERCALL_WALK, %eax
    movw $HYPERCALL_PORT, %dx
    outl %eax, %dx
    movl %eax, RESULT(%esi)
    cmpl $2, AFTERWARDS(%esi)
    jne enter_64_bit
    xorl %edi, %edi
    movl $HYPERCALL_EXIT, %eax
    outl %eax, %dx
    ud2

enter_64_bit:
    movl %cr0, %eax
    andl $~PAGING, %eax
    movl %eax, %cr0
    movl kept_cr4, %eax
    movl %eax, %cr4
    movl kept_cr3, %eax
    movl %eax, %cr3
    movl $EFER, %ecx
    rdmsr
    orl $LONG_MODE_ENABLE, %eax
    wrmsr
    movl %cr0, %eax
    orl $PAGING, %eax
    movl %eax, %cr0
    ljmp $CODE_64, $in_64_bit

    .code64
in_64_bit:
    movq saved, %rbx
    movq saved + 8, %rbp
    movq saved + 16, %r12
    movq saved + 24, %r13
    movq saved + 32, %r14
    movq saved + 40, %r15
    movq saved + 48, %rsp
    movq saved + 56, %rdi
    ret
