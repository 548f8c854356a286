// Loads the payload above 1 MiB, where the firmware cannot read to: through a buffer below.
#include "hv/boot/low_memory.h"

    .section .boot.loader, "ax"
    .code16
    .globl load_payload
load_payload:
    movl IMAGE_HEADER + IMAGE_PAYLOAD_SECTORS, %ebp
    movl $PAYLOAD_ADDRESS, %edi
    movw $0, disk_packet_offset
    movw $BOUNCE_BUFFER >> 4, disk_packet_segment
    movl $PAYLOAD_FIRST_SECTOR, disk_packet_first
1:  movl $BOUNCE_SECTORS, %ecx
    cmpl %ecx, %ebp
    jae 2f
    movl %ebp, %ecx
2:  jecxz 3f
    call read_disk
    addl %ecx, disk_packet_first
    subl %ecx, %ebp
    call copy_from_bounce_buffer
    jmp 1b
3:  ret

// Copies %ecx sectors to %edi and moves %edi on. In real mode with segment limits of 4 GiB, which
// last until the firmware loads its own: so they are set for each copy.
copy_from_bounce_buffer:
    cli
    pushw %ds
    pushw %es
    lgdt loader_gdt_pointer
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    movw $LOADER_DATA, %bx
    movw %bx, %ds
    movw %bx, %es
    andb $0xfe, %al
    movl %eax, %cr0
    xorw %bx, %bx
    movw %bx, %ds
    movw %bx, %es
    movl $BOUNCE_BUFFER, %esi
    shll $7, %ecx // Sectors to 4-byte words
    rep movsl (%esi), %es:(%edi)
    popw %es
    popw %ds
    sti
    ret
