/* A table of 512 EPT entries is shared: each loses its write permission, and the frame that it points to has one more
   reference. This is most of what the first write below a shared table costs, so it is as short as it can be made: three
   instructions an entry with BMI2, four without. An entry of zero counts for frame 0, which is nobody's.

   void twofold_share_entries(std::uint64_t table, std::uint32_t* counts) */

.set ENTRIES, 512
.set UNROLLED, 64
.set FRAME_SHIFT, 12
.set ALL_BUT_WRITE, ~2

.macro frame_number_by_shr
    mov offset(%rdi), %rax
    shr $FRAME_SHIFT, %rax
.endm
.macro frame_number_by_shrx
    shrx %rcx, offset(%rdi), %rax
.endm

.macro share_all frame_number
    mov $(ENTRIES / UNROLLED), %edx
    mov $FRAME_SHIFT, %ecx
1:
    .set offset, 0
    .rept UNROLLED
    andq $ALL_BUT_WRITE, offset(%rdi)
    \frame_number
    incl (%rsi, %rax, 4)
    .set offset, offset + 8
    .endr
    add $(8 * UNROLLED), %rdi
    dec %edx
    jnz 1b
    ret
.endm

.text
.globl twofold_share_entries
twofold_share_entries:
    share_all frame_number_by_shr

.globl twofold_share_entries_bmi2
twofold_share_entries_bmi2:
    share_all frame_number_by_shrx
