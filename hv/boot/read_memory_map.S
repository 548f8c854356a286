// Asks the firmware for the memory map (ACPI Specification, "INT 15H, E820H - Query System Address
// Map").
#include "hv/boot/low_memory.h"

    .set MAP, BOOT_INFO + BOOT_INFO_MEMORY_MAP
    .set ENTRIES, BOOT_INFO + BOOT_INFO_MEMORY_MAP_ENTRIES

    .section .boot.loader, "ax"
    .code16
    .globl read_memory_map
read_memory_map:
    movl $0, ENTRIES
    movw $MAP, %di
    xorl %ebx, %ebx // Continuation: 0 starts, and comes back with the last entry.
1:  movl $0xe820, %eax
    movl $0x534d4150, %edx // "SMAP"
    movl $MEMORY_MAP_ENTRY_BYTES, %ecx
    movl $1, 20(%di) // Firmware before ACPI 3.0 gives no attributes: the entry counts.
    int $0x15
    jc 2f // Some end with an error instead of a continuation of 0.
    cmpl $0x534d4150, %eax
    jne 2f
    incl ENTRIES
    addw $MEMORY_MAP_ENTRY_BYTES, %di
    cmpl $MEMORY_MAP_CAPACITY, ENTRIES
    je 3f
    testl %ebx, %ebx
    jnz 1b
2:  cmpl $0, ENTRIES
    je 4f
3:  ret
4:  movw $no_memory_map, %si
    jmp fail

// The payload must lie in one entry of usable memory.
    .globl require_room_for_payload
require_room_for_payload:
    movl IMAGE_HEADER + IMAGE_PAYLOAD_SECTORS, %eax
    movl $SECTOR_BYTES, %edx
    mull %edx
    addl $PAYLOAD_ADDRESS, %eax
    adcl $0, %edx
    jnz 3f // The loader copies below 4 GiB.
    movl %eax, %ebp
    movw $MAP, %di
    movw ENTRIES, %cx
1:  cmpl $1, 16(%di) // AddressRangeMemory
    jne 2f
    cmpl $0, 4(%di)
    jne 2f
    movl (%di), %eax
    cmpl $PAYLOAD_ADDRESS, %eax
    ja 2f
    movl 12(%di), %edx
    addl 8(%di), %eax
    adcl $0, %edx
    jnz 4f // Beyond 4 GiB, and so beyond the payload.
    cmpl %ebp, %eax
    jae 4f
2:  addw $MEMORY_MAP_ENTRY_BYTES, %di
    loop 1b
3:  movw $no_room, %si
    jmp fail
4:  ret

no_memory_map:
    .asciz "Twofold: the firmware gives no memory map (INT 15h, EAX=E820h)"
no_room:
    .asciz "Twofold: the image does not fit into the memory that starts at 1 MiB"
