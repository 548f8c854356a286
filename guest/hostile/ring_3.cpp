// A program in ring 3 of the guest, with the guest's page tables between it and the kernel.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/hostile/tables.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/traps.hpp"

#include <array>
#include <cstring>

/// ring_3_code.S
extern "C" char const ring_3_begin[], ring_3_end[], ring_3_misaligned[], ring_3_halt[],
    ring_3_output[], ring_3_read_msr[], ring_3_load_cr3[], ring_3_read_cr8[], ring_3_cache[],
    ring_3_vmxoff[], ring_3_vmcall[], ring_3_interrupt[], ring_3_read_kernel[],
    ring_3_output_kernel[], ring_3_input_kernel[];

namespace twofold::guest {

namespace {

constexpr std::uint16_t user_code = 0x33;
constexpr std::uint16_t user_data = 0x3b;
constexpr std::uint64_t alignment_check = std::uint64_t{1} << 18;
constexpr std::uint64_t io_privilege_3 = std::uint64_t{3} << 12;

constinit std::array<std::uint64_t, 8> global{};
alignas(16) constinit std::array<std::byte, 4096> trap_stack{};
alignas(8) constinit std::array<std::byte, 16> kernel_bytes{};

/// The kit's descriptors, and two of ring 3.
void add_user_segments() {
    TableRegister const kit = global_table();
    std::memcpy(global.data(), reinterpret_cast<void const*>(kit.base), kit.limit + 1U);
    global[user_code / 8] = 0x00af'fb00'0000'ffff;
    global[user_data / 8] = 0x00cf'f300'0000'ffff;
    load_global_table({sizeof global - 1, reinterpret_cast<std::uint64_t>(global.data())});
}

void use_trap_stack() {
    place_interrupt_stack(InterruptStack::spare,
                          reinterpret_cast<std::uint64_t>(trap_stack.data() + trap_stack.size()));
    for (unsigned vector = 0; vector < 256; ++vector)
        set_interrupt_stack(static_cast<std::uint8_t>(vector), InterruptStack::spare);
}

/// A page of code below a page of stack.
std::uint64_t make_program() {
    auto const frames = allocate_pages(2);
    std::memcpy(pointer_to<void>(*frames), ring_3_begin,
                static_cast<std::size_t>(ring_3_end - ring_3_begin));
    return map_region(*frames, 2 * page_4k.bytes(), page_4k, Permissions::all())->value();
}

Trap run(std::uint64_t program, char const* piece, std::uint64_t flags) {
    std::uint64_t const rip = program + static_cast<std::uint64_t>(piece - ring_3_begin);
    std::uint64_t const stack = program + 2 * page_4k.bytes() - 64;
    return attempt([&] {
        asm volatile("pushq %0; pushq %1; pushq %2; pushq %3; pushq %4; iretq"
                     :
                     : "r"(std::uint64_t{user_data}), "r"(stack), "r"(flags | 2),
                       "r"(std::uint64_t{user_code}), "r"(rip), "a"(0UL), "S"(kernel_bytes.data()),
                       "D"(kernel_bytes.data()), "d"(0x3f8UL), "c"(0UL)
                     : "memory");
    });
}

} // namespace

int ring_3(Arguments) {
    Checks checks;
    add_user_segments();
    use_trap_stack();
    std::uint64_t const program = make_program();
    for (auto const* const piece :
         {ring_3_halt, ring_3_output, ring_3_read_msr, ring_3_load_cr3, ring_3_read_cr8,
          ring_3_cache, ring_3_output_kernel, ring_3_input_kernel})
        checks.expect_trap("what is the kernel's", run(program, piece, 0), 13);
    checks.expect_trap("an interrupt of ring 0", run(program, ring_3_interrupt, 0), 13,
                       0x80 * 8 + 2);
    checks.expect_trap("VMXOFF", run(program, ring_3_vmxoff, 0), 6);
    checks.expect_trap("VMCALL returns", run(program, ring_3_vmcall, 0), 6);
    checks.expect_trap("a read of the kernel", run(program, ring_3_read_kernel, 0), 14, 5);
    checks.expect_trap("OUTS from the kernel, with IOPL 3",
                       run(program, ring_3_output_kernel, io_privilege_3), 14, 5);
    checks.expect_trap("INS to the kernel, with IOPL 3",
                       run(program, ring_3_input_kernel, io_privilege_3), 14, 7);
    asm volatile("movq %%cr0, %%rax; orq $0x40000, %%rax; movq %%rax, %%cr0" : : : "rax", "memory");
    checks.expect_trap("#AC", run(program, ring_3_misaligned, alignment_check), 17);
    checks.expect_trap("a misaligned read without AC", run(program, ring_3_misaligned, 0), 6);
    return checks.result();
}

} // namespace twofold::guest
