// #DB, which the hypervisor intercepts and gives back.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/checks.hpp"
#include "guest/hostile/stubs.hpp"
#include "guest/kit/traps.hpp"

#include <twofold/arch/exception.hpp>

namespace twofold::guest {

namespace {

constinit unsigned steps = 0;
constinit std::uint64_t seen_dr6 = 0;

std::uint64_t read_dr6() {
    std::uint64_t value;
    asm volatile("movq %%dr6, %0" : "=r"(value));
    return value;
}
std::uint64_t read_dr7() {
    std::uint64_t value;
    asm volatile("movq %%dr7, %0" : "=r"(value));
    return value;
}
void write_dr7(std::uint64_t value) { asm volatile("movq %0, %%dr7" : : "r"(value)); }
void clear_dr6() { asm volatile("movq %0, %%dr6" : : "r"(std::uint64_t{0xffff'0ff0})); }

void count_step(TrapFrame&) {
    ++steps;
    seen_dr6 = read_dr6();
    clear_dr6();
}

void check_steps(Checks& checks) {
    set_trap_handler(exception::debug, count_step);
    steps = 0;
    step_through();
    checks.expect_value("steps of seven instructions, one of which exits", steps, 7);
    checks.expect_value("DR6 of a step", seen_dr6 & 0xf00f, 0x4000);
}

/// The processor clears DR7.GD when it delivers #DB: otherwise a handler could never look.
void check_general_detect(Checks& checks) {
    steps = 0;
    write_dr7(0x400 | 1U << 13);
    checks.expect_value("general detect is off again in the handler", read_dr7() & 1U << 13, 0);
    checks.expect_value("accesses that general detect found", steps, 1);
    checks.expect_value("DR6 of general detect", seen_dr6 & 0xf00f, 0x2000);
}

/// #DB in the shadow of MOV SS with TF set: the pending single step must not be lost on the way
/// through the hypervisor, nor make the state one that cannot be entered.
void check_shadow(Checks& checks) {
    steps = 0;
    asm volatile("movw %%ss, %%ax\n\t"
                 "pushfq\n\t"
                 "orq $0x100, (%%rsp)\n\t"
                 "popfq\n\t"
                 "movw %%ax, %%ss\n\t"
                 ".byte 0xf1\n\t"
                 "pushfq\n\t"
                 "andq $~0x100, (%%rsp)\n\t"
                 "popfq"
                 :
                 :
                 : "rax", "memory", "cc");
    checks.expect("INT1 in the shadow of MOV SS arrives", steps >= 1);
}

} // namespace

int debug_exceptions(Arguments) {
    Checks checks;
    Trap const trap = attempt(stub_icebp);
    checks.expect_trap("INT1", trap, exception::debug);
    checks.expect_value("INT1 goes on behind itself", trap.rip, address_of(stub_icebp_next));
    check_steps(checks);
    check_general_detect(checks);
    check_shadow(checks);
    return checks.result();
}

} // namespace twofold::guest
