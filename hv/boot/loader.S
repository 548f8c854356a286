// Sectors 1 to 15: from the firmware's real mode to the hypervisor's first instruction.
#include "hv/boot/low_memory.h"

    .section .boot.header, "ax"
    // ImageHeader
    .ascii "TWFOLIMG"
    .long payload_sectors // From the linker script.
    .long 0               // bundle_offset
    .quad 0               // bundle_bytes

// Stores the ticks in a field of BootInfo. Clobbers %eax and %edx.
    .macro record_ticks field
    rdtsc
    movl %eax, BOOT_INFO + \field
    movl %edx, BOOT_INFO + \field + 4
    .endm

    .section .boot.loader, "ax"
    .code16
    .globl load_hypervisor
load_hypervisor:
    record_ticks BOOT_INFO_TICKS_AT_START
    movw $IMAGE_HEADER, %si
    movw $BOOT_INFO + BOOT_INFO_IMAGE, %di
    movw $IMAGE_HEADER_BYTES, %cx
    rep movsb

    movw $report_failure, after_failure
    call require_long_mode
    call enable_a20
    call read_memory_map
    call require_room_for_payload
    record_ticks BOOT_INFO_TICKS_AFTER_MEMORY_MAP
    call load_payload
    record_ticks BOOT_INFO_TICKS_AFTER_PAYLOAD
    jmp enter_long_mode

require_long_mode:
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb 1f
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx // Intel SDM vol. 2, CPUID.80000001H:EDX[29]: Intel 64 architecture
    jnc 1f
    ret
1:  movw $no_long_mode, %si
    jmp fail

no_long_mode:
    .asciz "Twofold: this processor has no 64-bit mode (CPUID 80000001h, EDX bit 29)"
