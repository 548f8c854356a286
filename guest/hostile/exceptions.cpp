// Exceptions of each kind that ring 0 can raise, and each software interrupt.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/hostile/tables.hpp"
#include "guest/kit/traps.hpp"

#include <twofold/arch/exception.hpp>

namespace twofold::guest {

namespace {

void divide_by_zero() {
    asm volatile("xorl %%edx, %%edx; divl %0" : : "r"(0U) : "eax", "edx", "cc");
}
void use_x87_while_task_switched() {
    asm volatile("movq %%cr0, %%rax; orq $8, %%rax; movq %%rax, %%cr0; fnop" : : : "rax", "memory");
}
void divide_x87_by_zero() {
    std::uint16_t const control = 0x37b; // zero divide unmasked
    asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control) : "memory");
}
void divide_sse_by_zero() {
    std::uint32_t const control = 0x1d80; // zero divide unmasked
    std::uint32_t const one = 0x3f80'0000;
    asm volatile("movq %%cr4, %%rax; orq $0x400, %%rax; movq %%rax, %%cr4\n\t"
                 "ldmxcsr %0; movss %1, %%xmm0; xorps %%xmm1, %%xmm1; divss %%xmm1, %%xmm0"
                 :
                 : "m"(control), "m"(one)
                 : "rax", "memory");
}
void load_segment(std::uint16_t selector) {
    asm volatile("movw %0, %%fs" : : "r"(selector) : "memory");
}
/// By RBP, and so in the stack segment.
void read_stack_nowhere() {
    asm volatile("pushq %%rbp; movq %0, %%rbp; movb (%%rbp), %%al; popq %%rbp"
                 :
                 : "r"(not_canonical)
                 : "rax", "memory");
}
void read_nowhere() { (void)*reinterpret_cast<std::uint8_t volatile*>(not_canonical); }

/// A #GP whose gate is not present is a #NP on top of a contributory exception.
void check_double_fault(Checks& checks) {
    gate(exception::general_protection) = gate(exception::general_protection) & ~descriptor_present;
    checks.expect_trap("#GP that cannot be delivered", attempt(read_nowhere),
                       exception::double_fault);
    gate(exception::general_protection) = gate(exception::general_protection) | descriptor_present;
    gate(exception::invalid_opcode) = gate(exception::invalid_opcode) & ~descriptor_present;
    checks.expect_trap("#UD whose gate is not present", attempt(stub_undefined), 11,
                       8 * exception::invalid_opcode + 3);
    gate(exception::invalid_opcode) = gate(exception::invalid_opcode) | descriptor_present;
}

void check_segments(Checks& checks) {
    checks.expect_trap("a selector beyond the GDT", attempt([] { load_segment(0x1000); }), 13,
                       0x1000);
    std::uint64_t const before = descriptor(selector::code_32_bit);
    descriptor(selector::code_32_bit) = descriptor(selector::data) & ~descriptor_present;
    checks.expect_trap("a segment that is not present",
                       attempt([] { load_segment(selector::code_32_bit); }), 11,
                       selector::code_32_bit);
    descriptor(selector::code_32_bit) = before;
}

void check_software_interrupts(Checks& checks) {
    for (unsigned n = 0; n < 256; ++n) {
        auto const vector = static_cast<std::uint8_t>(n);
        // The stub of a vector with an error code finds none.
        if (exception_has_error_code(vector)) continue;
        Trap const trap = attempt([&] { call_interrupt(vector); });
        checks.expect_trap("int n", trap, n);
        checks.expect_value("int n goes on behind itself", trap.rip,
                            address_of(interrupt_stubs) + 4 * n + 2);
    }
}

} // namespace

int exceptions(Arguments) {
    Checks checks;
    checks.expect_trap("#DE", attempt(divide_by_zero), 0);
    Trap const breakpoint = attempt(stub_breakpoint);
    checks.expect_trap("#BP", breakpoint, exception::breakpoint);
    checks.expect_value("#BP goes on behind itself", breakpoint.rip,
                        address_of(stub_breakpoint_next));
    Trap const undefined = attempt(stub_undefined);
    checks.expect_trap("#UD", undefined, exception::invalid_opcode);
    checks.expect_value("#UD is a fault", undefined.rip, address_of(stub_undefined));
    checks.expect_trap("#NM", attempt(use_x87_while_task_switched), 7);
    asm volatile("clts");
    checks.expect_trap("#MF", attempt(divide_x87_by_zero), 16);
    asm volatile("fninit");
    checks.expect_trap("#XM", attempt(divide_sse_by_zero), 19);
    checks.expect_trap("#SS", attempt(read_stack_nowhere), 12);
    checks.expect_trap("#GP", attempt(read_nowhere), 13);
    check_segments(checks);
    check_double_fault(checks);
    check_software_interrupts(checks);
    return checks.result();
}

} // namespace twofold::guest
