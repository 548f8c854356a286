// GDT and TSS, made by the assembler and the linker so that a guest only has to load them (Intel SDM
// vol. 3, "Segment Descriptor Tables" and "64-Bit Mode Task Management").
    .set TSS_BYTES, 104
    .set PRESENT_AVAILABLE_TSS, 0x89

    .section .data.global_table, "aw"
    .balign 8
    .globl global_table, global_table_end
global_table: // by the selectors of traps.hpp
    .quad 0
    .quad 0x00af9b000000ffff // code of 64 bits
    .quad 0x00cf93000000ffff // data, writable
    .word TSS_BYTES - 1
    .word task_state_low     // guest.ld
    .byte task_state_middle
    .byte PRESENT_AVAILABLE_TSS
    .byte 0
    .byte task_state_high
    .quad 0                  // guests are linked below 4 GiB
    .quad 0x00cf9b000000ffff // code of 32 bits
global_table_end:

    .section .data.task_state, "aw"
    .balign 8
    .globl task_state
task_state:
    .skip 36
    .quad start_stack_end        // InterruptStack::page_fault
    .quad double_fault_stack_end // InterruptStack::double_fault
    .skip TSS_BYTES - 36 - 16 - 2
    .word TSS_BYTES              // no bitmap of ports

    .section .bss.double_fault_stack, "aw", @nobits
    .balign 16
    .skip 4096
double_fault_stack_end:

    // What LGDT and LIDT load.
    .section .rodata.table_pointers, "a"
    .balign 8
    .globl global_table_pointer, interrupt_table_pointer
global_table_pointer:
    .word global_table_end - global_table - 1
    .quad global_table
interrupt_table_pointer:
    .word 256 * 16 - 1
    .quad interrupt_table
