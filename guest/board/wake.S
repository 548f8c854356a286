// From real mode to 64-bit mode, as a processor goes that a start-up IPI wakes at 0x8000 ("MP
// Initialization Protocol Algorithm", "Initializing IA-32e Mode"). Copied there: see wake.hpp.
    .set WAKE_ADDRESS, 0x8000

    .section .rodata.wake, "a"
    .balign 16
    .globl wake_begin
wake_begin:
    .code16
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl wake_gdt_pointer - wake_begin
    movl wake_data - wake_begin, %eax
    movl %eax, %cr3
    movl $0x220, %eax // CR4: PAE, OSFXSR
    movl %eax, %cr4
    movl $0xc0000080, %ecx // EFER: LME, NXE
    movl $0x900, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax // CR0: PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    ljmpl $0x08, $(WAKE_ADDRESS + wake_long - wake_begin)

    .code64
wake_long:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movq wake_data + 8(%rip), %rsp
    xorl %ebp, %ebp
    call *wake_data + 16(%rip)
    ud2

    .balign 8
wake_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 64-bit code
    .quad 0x00cf93000000ffff // data
wake_gdt_pointer:
    .word . - wake_gdt - 1
    .long WAKE_ADDRESS + wake_gdt - wake_begin

    .balign 8
    .globl wake_data
wake_data:
    .quad 0, 0, 0
    .globl wake_end
wake_end:
