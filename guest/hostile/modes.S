// Out of 64-bit mode into 32-bit code with paging off, and on from there.
    .set CODE_32, 0x08
    .set DATA_32, 0x10
    .set CODE_16, 0x18
    .set DATA_16, 0x20
    .set TASK, 0x28

    .set HYPERCALL_PORT, 0x5f0
    .set HYPERCALL_EXIT, 1
    .set HYPERCALL_WALK, 2
    .set CONSOLE_PORT, 0x3f8
    .set EFER, 0xc0000080

    .data
    .balign 8
table:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00009b000000ffff
    .quad 0x000093000000ffff
    .quad 0x0000890000000067 // a task; its base is filled in
table_register:
    .word table_register - table - 1
    .quad table

    .bss
    .balign 128
other_task:
    .skip 104

    .text
    .code64
    // To the 32-bit code at %rdi, with paging and IA-32e mode off; %rsi is kept.
leave_long_mode:
    cli
    leaq start_stack_end(%rip), %rsp
    lgdt table_register(%rip)
    pushq $CODE_32
    leaq in_compatibility_mode(%rip), %rax
    pushq %rax
    lretq
    .code32
in_compatibility_mode:
    movw $DATA_32, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $EFER, %ecx
    rdmsr
    andl $~0x100, %eax
    wrmsr
    jmp *%edi

    // The guest ends with the code in %edi.
exit_32:
    movl $HYPERCALL_EXIT, %eax
    movw $HYPERCALL_PORT, %dx
    outl %eax, %dx
    ud2

    .code64
    .globl switch_task
switch_task:
    leaq 1f(%rip), %rdi
    jmp leave_long_mode
    .code32
1:  movl $other_task, %eax
    movw %ax, table + TASK + 2
    shrl $16, %eax
    movb %al, table + TASK + 4
    ljmp $TASK, $0

    .code64
    .globl stop_paging
stop_paging:
    leaq 1f(%rip), %rdi
    jmp leave_long_mode
    .code32
1:  movl $paging_off_text, %esi
    movl $paging_off_text_end - paging_off_text, %ecx
    movw $CONSOLE_PORT, %dx
    cld
    rep outsb
    movl $0x400000, %edi
    movl $HYPERCALL_WALK, %eax
    movw $HYPERCALL_PORT, %dx
    outl %eax, %dx
    movl %eax, %edi
    jmp exit_32

    .code64
    // The address of the page-directory-pointer table is in %rdi.
    .globl use_pae_tables
use_pae_tables:
    movq %rdi, %rsi
    leaq 1f(%rip), %rdi
    jmp leave_long_mode
    .code32
1:  movl %esi, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    movl $1, %edi
    jmp exit_32

    .code64
    .globl enter_real_mode
enter_real_mode:
    leaq 1f(%rip), %rdi
    jmp leave_long_mode
    .code32
1:  ljmp $CODE_16, $REAL

    .section .rodata.modes, "a"
paging_off_text:
    .ascii "paging is off\n"
paging_off_text_end:

    // Runs at REAL, below 64 KiB.
    .set REAL, 0x8000
    .code16
    .balign 16
    .globl real_begin, real_end
real_begin:
    movw $DATA_16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    lidtl REAL + real_interrupts - real_begin
    movl %cr0, %eax
    andb $0xfe, %al
    movl %eax, %cr0
    ljmpw $0, $REAL + in_real_mode - real_begin
in_real_mode:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7000, %sp
    movw $REAL + on_protection - real_begin, 13 * 4
    movw $0, 13 * 4 + 2
    movw $REAL + real_text - real_begin, %si
    movw $real_text_end - real_text, %cx
    movw $CONSOLE_PORT, %dx
    cld
    rep outsb
    movl $0x12345, %ecx
read_nonsense:
    rdmsr
    hlt
    // In real mode no error code lies below the address.
on_protection:
    popw %ax
    cmpw $REAL + read_nonsense - real_begin, %ax
    jne 1f
    movl $HYPERCALL_EXIT, %eax
    movl $13, %edi
    movw $HYPERCALL_PORT, %dx
    outl %eax, %dx
1:  hlt
real_interrupts:
    .word 0x3ff
    .long 0
real_text:
    .ascii "in real mode\n"
real_text_end:
real_end:
