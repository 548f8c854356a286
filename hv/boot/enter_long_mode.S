// From real mode straight to 64-bit mode, with the first 4 GiB mapped to themselves by 2 MiB pages
// (Intel SDM vol. 3, "Initializing IA-32e Mode").
#include "hv/boot/low_memory.h"

    .set PRESENT_WRITABLE, 3
    .set LARGE_PAGE, 0x80
    .set DIRECTORY_BYTES, 4096
    .set DIRECTORIES, 4

    .section .boot.loader, "ax"
    .code16
    .globl enter_long_mode
enter_long_mode:
    cli
    movb $0xff, %al // No interrupt from the PICs.
    outb %al, $0x21
    outb %al, $0xa1
    call build_first_tables

    movl %cr4, %eax
    orl $1 << 5, %eax // PAE
    movl %eax, %cr4
    movl $FIRST_TABLES, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // IA32_EFER
    rdmsr
    orl $1 << 8, %eax // LME
    wrmsr
    lgdt loader_gdt_pointer
    movl %cr0, %eax
    orl $1 << 31 | 1, %eax // PG and PE
    movl %eax, %cr0
    ljmp $LOADER_CODE, $in_long_mode

build_first_tables:
    movw $FIRST_TABLES, %di
    xorl %eax, %eax
    movw $2 * DIRECTORY_BYTES / 4, %cx
    rep stosl
    movl $FIRST_TABLES + 0x1000 + PRESENT_WRITABLE, FIRST_TABLES
    movw $FIRST_TABLES + 0x1000, %di
    movl $FIRST_TABLES + 0x2000 + PRESENT_WRITABLE, %eax
    movw $DIRECTORIES, %cx
1:  movl %eax, (%di)
    addw $8, %di
    addl $DIRECTORY_BYTES, %eax
    loop 1b

    movw $FIRST_TABLES + 0x2000, %di
    movl $PRESENT_WRITABLE | LARGE_PAGE, %eax
2:  movl %eax, (%di)
    movl $0, 4(%di)
    addw $8, %di
    addl $0x200000, %eax
    cmpw $FIRST_TABLES_END, %di
    jne 2b
    ret

    .code64
in_long_mode:
    movw $LOADER_DATA, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    movl $BOOT_INFO, %edi
    rdtsc
    movl %eax, BOOT_INFO_TICKS_AFTER_LONG_MODE(%rdi)
    movl %edx, BOOT_INFO_TICKS_AFTER_LONG_MODE + 4(%rdi)
    movl $PAYLOAD_ADDRESS, %eax
    jmp *%rax

    .balign 8
loader_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 64-bit code
    .quad 0x00cf93000000ffff // Data, 4 GiB
    .globl loader_gdt_pointer
loader_gdt_pointer:
    .word loader_gdt_pointer - loader_gdt - 1
    .long loader_gdt
