// What is executed in ring 3, in a page of its own; each piece ends in an exception.
    .macro piece name, instructions:vararg
    .globl ring_3_\name
ring_3_\name:
    \instructions
    .byte 0x0f, 0x0b // UD2: it went through
    .endm

    .section .rodata.ring_3, "a"
    .code64
    .globl ring_3_begin, ring_3_end
ring_3_begin:
    piece misaligned, movl 1(%rsp), %eax
    piece halt, hlt
    piece output, outb %al, $0x80
    piece read_msr, rdmsr
    piece load_cr3, movq %rax, %cr3
    piece read_cr8, movq %cr8, %rax
    piece cache, wbinvd
    piece vmxoff, vmxoff
    piece vmcall, vmcall
    piece interrupt, int $0x80
    piece read_kernel, movq (%rsi), %rax
    piece output_kernel, outsb
    piece input_kernel, insb
ring_3_end:
