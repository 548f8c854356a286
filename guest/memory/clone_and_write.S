/* In registers only, and on one page. */
.set HYPERCALL_PORT, 0x5f0
.set HYPERCALL_EXIT, 1
.set HYPERCALL_CLONE, 4
.set HYPERCALL_YIELD, 18
.set FIRST_ERROR, -16

.macro read_ticks to
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, \to
.endm

.macro call_clone
    mov $HYPERCALL_PORT, %edx
    mov $HYPERCALL_CLONE, %eax
    outl %eax, %dx
.endm

.text
.balign 512
.globl clone_and_count
clone_and_count:
    read_ticks %r8
    call_clone
    mov %rax, %r9
    read_ticks %rcx
    mov %rcx, %rdx
    sub %r8, %rdx
    mov %r9, %rax
    ret

.globl ticks_of_store
ticks_of_store:
    read_ticks %r8
    mov %r8, (%rdi)
    read_ticks %rcx
    mov %rcx, %rax
    sub %r8, %rax
    ret

.globl clone_and_write
clone_and_write:
    mov %rdi, %r8
    mov %rdx, %r9
    mov %rcx, %r10
    xor %r11d, %r11d
    /* Pages that the loops below lie on have been accessed; nothing is written from here on. */
make_clones:
    test %r8, %r8
    jz wait
    call_clone
    test %rax, %rax
    jz write_pages
    cmp $FIRST_ERROR, %rax
    jae fail
    dec %r8
    jmp make_clones
write_pages:
    test %r9, %r9
    jz wait
    movq $1, (%rsi)
    add $4096, %rsi
    dec %r9
    jmp write_pages
fail:
    mov $1, %r11d
wait:
    read_ticks %rcx
    cmp %r10, %rcx
    jae leave
    mov $HYPERCALL_PORT, %edx
    mov $HYPERCALL_YIELD, %eax
    outl %eax, %dx
    jmp wait
leave:
    mov $HYPERCALL_PORT, %edx
    mov $HYPERCALL_EXIT, %eax
    mov %r11d, %edi
    outl %eax, %dx
    ud2
