/* Into a guest and out of it. */

.set HOST_RSP_FIELD, 0x6c14

.macro push_registers
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro pop_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
.endm

.text

/* bool run_guest(VirtualProcessor* processor, Registers const* registers, bool launch)
   Enters the guest of the current VMCS, and again after each exit that handle_exit answers with true. Returns true when
   handle_exit says false, false when an entry failed before it began (VMfail). */
.globl run_guest
run_guest:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    /* Exits find the processor here; with 15 registers above it a call is aligned to 16 bytes. */
    push %rdi
    push %rdi
    mov $HOST_RSP_FIELD, %eax
    vmwrite %rsp, %rax
    mov %edx, %ecx
    lea -120(%rsp), %rdi
    mov %rdi, %rsp
    push %rcx
    mov $15, %ecx
    cld
    rep movsq
    pop %rcx
    test %cl, %cl
    jz resume
    pop_registers
    vmlaunch
    jmp entry_failed
resume:
    pop_registers
    vmresume
    jmp entry_failed

/* HOST_RIP: the processor has loaded RSP from the VMCS. */
.globl vm_exit_entry
vm_exit_entry:
    push_registers
    mov 120(%rsp), %rdi
    mov %rsp, %rsi
    call handle_exit
    test %al, %al
    jz leave_guest
    pop_registers
    vmresume
entry_failed:
    xor %eax, %eax
    jmp restore
leave_guest:
    add $120, %rsp
    mov $1, %eax
restore:
    add $16, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
