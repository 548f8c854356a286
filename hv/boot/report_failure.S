// The loader's failures, as the report's `error` and `end` (include/twofold/abi/report.hpp).
    .set REPORT_PORT, 0x2f8

    .section .boot.loader, "ax"
    .code16
// %si: the message, without anything that JSON would escape.
    .globl report_failure
report_failure:
    movw $REPORT_PORT + 3, %dx // Line control: 115200 baud, 8 bits, no parity, 1 stop bit.
    movb $0x80, %al
    outb %al, %dx
    movw $REPORT_PORT, %dx
    movw $1, %ax
    outw %ax, %dx
    movw $REPORT_PORT + 3, %dx
    movb $3, %al
    outb %al, %dx

    pushw %si
    movw $error_begins, %si
    call write_report
    popw %si
    call write_report
    movw $error_ends, %si
    call write_report

    movl $1, %eax
    cpuid
    btl $31, %ecx // CPUID.1:ECX[31] is 0 on every real processor.
    jnc stop_machine
    xorb %al, %al
    outb %al, $0xf4 // QEMU's isa-debug-exit
    jmp stop_machine

write_report:
    lodsb
    testb %al, %al
    jz 2f
    movw $REPORT_PORT, %dx
    outb %al, %dx
    movw $REPORT_PORT + 5, %dx
    xorw %cx, %cx // A limit, for where there is no UART.
1:  inb %dx, %al
    testb $0x40, %al // Transmitter empty
    loopz 1b
    jmp write_report
2:  ret

error_begins:
    .asciz "{\"record\":\"error\",\"message\":\""
error_ends:
    .asciz "\"}\n{\"record\":\"end\",\"frames_in_use\":0}\n"
