// The hypervisor's first instruction.
#include "hv/boot/low_memory.h"

    .section .text.entry, "ax"
    .code64
    // %rdi: BootInfo
    .globl hypervisor_entry
hypervisor_entry:
    movl $MAIN_STACK_END, %esp
    xorl %ebp, %ebp
    call hypervisor_main
    ud2
