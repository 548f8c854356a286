// A native guest starts in the state that abi/launch_info.hpp promises, to the bit.
#include "catch.hpp"
#include "support/boot_image.hpp"
#include "support/elf_file.hpp"

#include <twofold/abi/launch_info.hpp>

#include <algorithm>
#include <span>

namespace native_entry_test {

// A guest that writes what it finds to the report's port, a number in 16 digits a line. The last
// line ends the report. Position-independent; its stack is what follows it in memory.
asm(R"(
    .section .rodata
    .globl probe_begin, probe_end
probe_begin:
    orq %rbx, %rax
    orq %rcx, %rax
    orq %rdx, %rax
    orq %rsi, %rax
    orq %rbp, %rax
    orq %rsp, %rax
    orq %r8, %rax
    orq %r9, %rax
    orq %r10, %rax
    orq %r11, %rax
    orq %r12, %rax
    orq %r13, %rax
    orq %r14, %rax
    orq %r15, %rax
    leaq probe_end+0x1000(%rip), %rsp
    movq %rdi, %r14
    call put_rax
    pushfq
    popq %rax
    call put_rax
    movq %cr0, %rax
    call put_rax
    movq %cr4, %rax
    call put_rax
    movl $0xc0000080, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    call put_rax
    movl %cs, %eax
    movl %ds, %ecx
    shll $16, %ecx
    orl %ecx, %eax
    movl %ss, %ecx
    shlq $32, %rcx
    orq %rcx, %rax
    call put_rax
    movq %cr3, %rax
    call put_rax
    movq %r14, %rax
    call put_rax
    movl $48, %ebx
1:  movq (%r14), %rax
    call put_rax
    addq $8, %r14
    subl $8, %ebx
    jnz 1b
    movq (%r14), %rax
    call put_rax
    leaq end_of_report(%rip), %rsi
    movl $17, %ecx
    movw $0x2f8, %dx
    rep outsb
2:  pause
    jmp 2b

put_rax:
    movq %rax, %r15
    movl $16, %ecx
1:  rolq $4, %r15
    movl %r15d, %eax
    andl $15, %eax
    leaq digits(%rip), %rsi
    movb (%rsi,%rax), %al
    call put_byte
    loop 1b
    movb $10, %al
put_byte:
    movw $0x2f8, %dx
    outb %al, %dx
    movw $0x2fd, %dx
3:  inb %dx, %al
    testb $0x20, %al
    jz 3b
    ret

digits:
    .ascii "0123456789abcdef"
end_of_report:
    .ascii "\"record\":\"end\"\n\n\n"
probe_end:
    .text
)");

extern "C" std::byte const probe_begin[];
extern "C" std::byte const probe_end[];

namespace {

using namespace twofold;
using namespace twofold::test;

constexpr std::uint64_t memory_bytes = 8 << 20;

std::vector<std::byte> probe() {
    auto const bytes = static_cast<std::size_t>(probe_end - probe_begin);
    ElfFile const file{
        {TestSegment{abi::guest_link_address, {probe_begin, probe_end}, bytes + 0x1000}}};
    return file.bytes();
}

/// What the probe wrote, by place.
std::vector<std::uint64_t> state_at_entry(PageSize page) {
    auto const booted = boot(image_of({.guests = {vmm::GuestPlan{.arguments = {"probe", "one"},
                                                                 .elf = probe(),
                                                                 .memory_bytes = memory_bytes,
                                                                 .guest_page = page}},
                                       .native = true}));
    std::vector<std::uint64_t> numbers;
    for (std::string const& line : booted.report) {
        if (line.size() == 16 && line.find_first_not_of("0123456789abcdef") == line.npos)
            numbers.push_back(std::stoull(line, nullptr, 16));
    }
    return numbers;
}

} // namespace

TEST_CASE("a native guest finds the entry state and the launch information that were promised") {
    PageSize const page = GENERATE(page_4k, page_2m, page_1g);
    auto const found = state_at_entry(page);
    REQUIRE(found.size() == 15);
    CHECK(found[0] == 0);              // every general register but RDI
    CHECK(found[1] == 2);              // RFLAGS
    CHECK(found[2] == 0x80010033);     // CR0: PE MP ET NE WP PG
    CHECK(found[3] == 0x220);          // CR4: PAE OSFXSR
    CHECK(found[4] == 0xd00);          // EFER: LME LMA NXE
    CHECK(found[5] == 0x10'0010'0008); // SS, DS, CS

    std::uint64_t const cr3 = found[6];
    std::uint64_t const launch_info = found[7];
    std::uint64_t const free_begin = found[10];
    CHECK(launch_info > abi::guest_link_address);
    CHECK(cr3 > launch_info);
    CHECK(free_begin > cr3);
    CHECK(free_begin < memory_bytes);
    CHECK(found[8] == abi::LaunchInfo::expected_magic);
    CHECK(found[9] == memory_bytes);
    CHECK(found[11] == launch_info + sizeof(abi::LaunchInfo)); // the command line
    CHECK(found[12] == 9);
    CHECK(found[13] == page.shift()); // and no host page, and habitat native
    std::array<char, 8> arguments;
    std::memcpy(arguments.data(), &found[14], sizeof arguments);
    CHECK(std::string_view{arguments.data(), 8} == std::string_view{"probe\0on", 8});
}

} // namespace native_entry_test
