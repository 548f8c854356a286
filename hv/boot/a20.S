// Address line 20, which machines after the first PC hold low until told otherwise.
#include "hv/boot/low_memory.h"

    .section .boot.loader, "ax"
    .code16
    .globl enable_a20
enable_a20:
    call a20_is_on
    je 2f
    movw $0x2401, %ax // INT 15h: Enable A20 Gate
    int $0x15
    call a20_is_on
    je 2f
    inb $0x92, %al // System control port A; bit 0 would reset the machine.
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    xorw %cx, %cx // The line may take a while: 65,536 looks.
1:  call a20_is_on
    je 2f
    loop 1b
    movw $no_a20, %si
    jmp fail
2:  ret

// Equal: 0x500 and 0x100500 are different bytes. Clobbers %ax.
a20_is_on:
    pushw %es
    movw $0xffff, %ax
    movw %ax, %es
    movb 0x500, %al
    movb %es:0x510, %ah
    notb 0x500
    cmpb %es:0x510, %ah
    movb %al, 0x500
    popw %es
    ret

no_a20:
    .asciz "Twofold: cannot open address line 20 (INT 15h, AX=2401h and port 0x92)"
