// Uses the machine that it finds around it: under KVM with `--devices pc` a clock, a timer, a
// serial port that interrupts, and other processors; elsewhere none of them.
#include "guest/board/interrupts.hpp"
#include "guest/board/mp_table.hpp"
#include "guest/board/pc.hpp"
#include "guest/board/processors.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"

namespace twofold::guest {

namespace {

constexpr int exit_failure = 1;

/// Whether the clock runs and knows the century.
void show_clock() {
    bool const valid = (read_cmos(0x0d) & 0x80) != 0;
    print("clock ", valid && read_cmos(0x32) >= 0x20 ? "valid" : "invalid", '\n');
}

} // namespace

int run_kernel(Arguments arguments) {
    std::uint64_t additions = 1000;
    read_options(arguments, {{"--add", additions}});
    bool const pc = has_firmware_configuration();
    std::uint64_t const processors = pc ? processor_count() : 1;
    print("processors ", processors, '\n');
    if (pc) {
        auto const told = processors_in_mp_table();
        print("processors in the MP table ", told ? *told : 0, '\n');
        show_clock();
        take_over_interrupts();
        print("timer interrupts ", wait_for_timer(3), '\n');
        print("serial interrupts ", send_by_interrupt("sent by interrupt\n"), '\n');
    }
    auto const sum = add_by_all(processors, additions);
    if (!sum) {
        print("no memory for the other processors\n");
        return exit_failure;
    }
    print("sum ", *sum, '\n');
    return *sum == processors * additions ? 0 : exit_failure;
}

} // namespace twofold::guest
