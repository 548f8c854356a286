// The entry state of abi/launch_info.hpp, on the bare processor.
#include "hv/boot/native_entry_state.h"

    .set IA32_EFER, 0xc0000080

    .section .text.enter_native_guest, "ax"
    .code64
    // %rdi: entry, %rsi: CR3, %rdx: LaunchInfo. Does not return.
    .globl enter_native_guest
enter_native_guest:
    movq %rdi, native_entry
    movq %rdx, %rdi
    // The guest's tables map this code and `native_entry` to themselves too: both lie in its memory.
    movq %rsi, %cr3
    movl $NATIVE_CR0, %eax
    movq %rax, %cr0
    movl $NATIVE_CR4, %eax
    movq %rax, %cr4
    movl $IA32_EFER, %ecx
    movl $NATIVE_EFER, %eax
    xorl %edx, %edx
    wrmsr

    pushq $2 // No flag but the one that is always 1.
    popfq
    movl $0, %eax // Flags stay.
    movl $0, %ebx
    movl $0, %ecx
    movl $0, %esi
    movl $0, %ebp
    movl $0, %esp
    movq %rax, %r8
    movq %rax, %r9
    movq %rax, %r10
    movq %rax, %r11
    movq %rax, %r12
    movq %rax, %r13
    movq %rax, %r14
    movq %rax, %r15
    jmpq *native_entry

    .section .bss.enter_native_guest, "aw", @nobits
    .balign 8
native_entry:
    .skip 8
