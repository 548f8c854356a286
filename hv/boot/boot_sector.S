// Sector 0: loads the loader, and holds what both need to read the disk and to fail with a message.
#include "hv/boot/low_memory.h"

    .code16
    .section .boot.sector, "ax"

    .globl boot_sector
boot_sector:
    jmp start
    nop
    // Firmware that takes a USB stick for a floppy writes a BIOS parameter block here.
    .org 0x3e

start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $BOOT_SECTOR, %sp
    cld
    ljmp $0, $at_segment_0
at_segment_0:
    movb %dl, boot_drive

    movb $0x41, %ah // Check Extensions Present
    movw $0x55aa, %bx
    int $0x13
    movw $no_extensions, %si
    jc fail
    cmpw $0xaa55, %bx
    jne fail

    movw $LOADER_SECTORS, %cx
    call read_disk
    jmp load_hypervisor

// Reads %cx sectors, from where disk_packet says to where it says. Keeps every register.
    .globl read_disk
read_disk:
    pushal
    movw $3, %bp // A drive that spins up may fail first.
1:  movw %cx, disk_packet_sectors
    movb $0x42, %ah // Extended Read
    movb boot_drive, %dl
    movw $disk_packet, %si
    pushal
    int $0x13
    movb %ah, disk_status
    popal
    jnc 2f
    decw %bp
    jz disk_failed
    xorb %ah, %ah // Reset Disk System
    int $0x13
    jmp 1b
2:  popal
    ret

disk_failed:
    movb disk_status, %al
    aam $16
    orw $0x3030, %ax
    cmpb $'9', %ah
    jbe 1f
    addb $7, %ah
1:  cmpb $'9', %al
    jbe 2f
    addb $7, %al
2:  xchgb %al, %ah
    movw %ax, status_digits
    movw $cannot_read, %si

// Prints the text at %si on the screen and on COM1, and stops the machine.
    .globl fail
fail:
    pushw %si
    call print
    movw $new_line, %si
    call print
    popw %si
    jmpw *after_failure

    .globl stop_machine
stop_machine:
    movw $0x8900, %dx // Bochs stops at its debugger; nobody else listens.
    movb $'D', %al
    outb %al, %dx
stop:
    cli
    hlt
    jmp stop

print:
    movw $0x3f8 + 3, %dx // Line control: 115200 baud, 8 bits, no parity, 1 stop bit.
    movb $0x80, %al
    outb %al, %dx
    movw $0x3f8, %dx
    movw $1, %ax
    outw %ax, %dx
    movw $0x3f8 + 3, %dx
    movb $3, %al
    outb %al, %dx
1:  lodsb
    testb %al, %al
    jz 3f
    movw $0x3f8, %dx
    outb %al, %dx
    movb $0x0e, %ah // Teletype Output
    movw $7, %bx
    pushw %si
    int $0x10
    popw %si
    movw $0x3f8 + 5, %dx
    xorw %cx, %cx // A limit, for where there is no UART.
2:  inb %dx, %al
    testb $0x40, %al // Transmitter empty
    loopz 2b
    jmp 1b
3:  ret

no_extensions:
    .asciz "Twofold: this BIOS cannot read the disk by sector number (INT 13h, AH=42h)"
cannot_read:
    .ascii "Twofold: cannot read the disk, INT 13h status 0x"
status_digits:
    .asciz "00"
new_line:
    .asciz "\r\n"
    .globl after_failure // Goes on after a message, which is at %si.
after_failure:
    .word stop_machine
disk_status:
    .byte 0
boot_drive:
    .byte 0

    .balign 4
disk_packet: // BIOS Enhanced Disk Drive Specification, "Disk Address Packet"
    .byte 16, 0
disk_packet_sectors:
    .word 0
    .globl disk_packet_offset, disk_packet_segment, disk_packet_first
disk_packet_offset:
    .word LOADER
disk_packet_segment:
    .word 0
disk_packet_first:
    .quad 1

    // Firmware that takes a USB stick for a disk wants a partition: the loader.
    .org 0x1be
    .byte 0x80, 0, 2, 0 // Active; cylinder, head and sector
    .byte 0xda, 0, 16, 0 // Not a file system
    .long 1, LOADER_SECTORS
    .org 0x1fe
    .word 0xaa55
