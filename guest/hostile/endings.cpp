// What ends a guest without any memory being touched wrongly.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/tables.hpp"
#include "guest/kit/hypercall.hpp"
#include "guest/kit/processor.hpp"
#include "guest/kit/traps.hpp"

/// modes.S
extern "C" [[noreturn]] void switch_task();

namespace twofold::guest {

int triple_fault(Arguments) {
    load_interrupt_table({0, 0});
    asm volatile("ud2");
    return 1;
}

int loop(Arguments) {
    asm volatile("cli\n1: jmp 1b");
    return 1;
}

/// Leaves for the hypervisor all the time, so that next to none passes in the guest.
int loop_of_exits(Arguments) {
    for (;;)
        cpuid(0);
}

int halt(Arguments) {
    asm volatile("cli; hlt");
    return 1;
}

int large_exit_code(Arguments) {
    exit(300);
    return 1;
}

/// In 32-bit code, where there are hardware tasks.
int task_switch(Arguments) { switch_task(); }

/// A handler that meets its own exception again at once, with no instruction in between.
int interrupt_storm(Arguments) {
    set_trap_handler(6, [](TrapFrame&) {});
    asm volatile("ud2");
    return 1;
}

} // namespace twofold::guest
