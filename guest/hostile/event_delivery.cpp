// Events whose delivery needs pages that have no frame yet: the processor leaves the guest in the
// middle of it, and the event must arrive all the same, once.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/hostile/tables.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/traps.hpp"

#include <twofold/arch/exception.hpp>

#include <cstring>

namespace twofold::guest {

namespace {

constexpr std::uint64_t page = page_4k.bytes();

/// Lets `vector` be handled on a stack that nobody has touched.
void give_fresh_stack(std::uint8_t vector) {
    place_interrupt_stack(InterruptStack::spare, allocate_pages(1)->value() + page);
    set_interrupt_stack(vector, InterruptStack::spare);
}

template <class Action>
Trap on_fresh_stack(std::uint8_t vector, Action&& action) {
    give_fresh_stack(vector);
    return attempt(action);
}

void check_software(Checks& checks) {
    Trap trap = on_fresh_stack(exception::breakpoint, stub_breakpoint);
    checks.expect_trap("#BP on a fresh stack", trap, exception::breakpoint);
    checks.expect_value("#BP's rip", trap.rip, address_of(stub_breakpoint_next));
    trap = on_fresh_stack(0x80, stub_interrupt_80);
    checks.expect_trap("int 0x80 on a fresh stack", trap, 0x80);
    checks.expect_value("int 0x80's rip", trap.rip, address_of(stub_interrupt_80_next));
    trap = on_fresh_stack(exception::debug, stub_icebp);
    checks.expect_trap("INT1 on a fresh stack", trap, exception::debug);
    checks.expect_value("INT1's rip", trap.rip, address_of(stub_icebp_next));
}

void check_faults(Checks& checks) {
    Trap trap = on_fresh_stack(exception::invalid_opcode, stub_undefined);
    checks.expect_trap("#UD on a fresh stack", trap, exception::invalid_opcode);
    trap = on_fresh_stack(13, [] { asm volatile("movw %0, %%fs" : : "r"(std::uint16_t{0x1000})); });
    checks.expect_trap("#GP on a fresh stack keeps its error code", trap, 13, 0x1000);
    constexpr std::uint64_t hole = std::uint64_t{1} << 45;
    trap = on_fresh_stack(exception::page_fault,
                          [] { *reinterpret_cast<std::uint64_t volatile*>(hole) = 1; });
    checks.expect_trap("#PF on a fresh stack keeps its error code", trap, exception::page_fault, 2);
    checks.expect_value("#PF on a fresh stack keeps CR2", trap.cr2, hole);
    // One that the hypervisor itself injects.
    trap = on_fresh_stack(13, [] { asm volatile("rdmsr" : : "c"(0x12345) : "eax", "edx"); });
    checks.expect_trap("an injected #GP on a fresh stack", trap, 13, 0);

    gate(13) = gate(13) & ~descriptor_present;
    trap = on_fresh_stack(exception::double_fault,
                          [] { (void)*reinterpret_cast<std::uint8_t volatile*>(not_canonical); });
    checks.expect_trap("#DF on a fresh stack", trap, exception::double_fault);
    gate(13) = gate(13) | descriptor_present;
}

constinit unsigned steps = 0;

/// A step that is lost does not come again: the instruction is over.
void check_steps(Checks& checks) {
    set_trap_handler(exception::debug, [](TrapFrame&) {
        ++steps;
        give_fresh_stack(exception::debug);
    });
    give_fresh_stack(exception::debug);
    step_through();
    checks.expect_value("each step arrives, each on a fresh stack", steps, 7);
}

/// An interrupt table that ends in a page which reads as zero: no gate there is one.
void check_fresh_table(Checks& checks) {
    constexpr std::uint64_t bytes_before = 0x40 * 16;
    TableRegister const kit = interrupt_table();
    std::uint64_t const pages = allocate_pages(2)->value();
    TableRegister const fresh{4095, pages + page - bytes_before};
    std::memcpy(reinterpret_cast<void*>(fresh.base), reinterpret_cast<void const*>(kit.base),
                bytes_before);
    Trap const trap = attempt([&] {
        load_interrupt_table(fresh);
        stub_interrupt_80();
    });
    load_interrupt_table(kit);
    checks.expect_trap("int 0x80 by a fresh page of gates", trap, 13, 0x80 * 8 + 2);
    checks.expect_value("its rip is the instruction's own", trap.rip,
                        address_of(stub_interrupt_80));
}

} // namespace

int event_delivery(Arguments) {
    Checks checks;
    check_software(checks);
    check_faults(checks);
    check_steps(checks);
    // On a stack of its own again.
    set_interrupt_stack(13, InterruptStack::none);
    check_fresh_table(checks);
    return checks.result();
}

} // namespace twofold::guest
