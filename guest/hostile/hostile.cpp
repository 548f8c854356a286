// A guest that behaves as badly as its argument says.
#include "guest/hostile/attempt.hpp"
#include "guest/hostile/behaviours.hpp"
#include "guest/kit/kernel.hpp"

namespace twofold::guest {

namespace {

struct Behaviour {
    std::string_view name;
    int (*run)(Arguments arguments);
};

constexpr Behaviour behaviours[] = {
    {"triple-fault", triple_fault},
    {"loop", loop},
    {"loop-of-exits", loop_of_exits},
    {"halt", halt},
    {"large-exit-code", large_exit_code},
    {"task-switch", task_switch},
    {"interrupt-storm", interrupt_storm},
    {"flood-console", flood_console},
    {"flood-report", flood_report},
    {"flood-yields", flood_yields},
    {"touch-everything", touch_everything},
    {"read-beyond", read_beyond},
    {"write-beyond", write_beyond},
    {"execute-beyond", execute_beyond},
    {"tables-beyond", tables_beyond},
    {"descriptors-beyond", descriptors_beyond},
    {"stack-beyond", stack_beyond},
    {"string-output-beyond", string_output_beyond},
    {"exceptions", exceptions},
    {"page-faults", page_faults},
    {"debug-exceptions", debug_exceptions},
    {"event-delivery", event_delivery},
    {"ring-3", ring_3},
    {"ports", ports},
    {"string-io", string_io},
    {"msrs", msrs},
    {"control-registers", control_registers},
    {"vmx-instructions", vmx_instructions},
    {"instructions", instructions},
    {"hypercalls", hypercalls},
    {"garbage", garbage},
    {"garbage-tables", garbage_tables},
    {"real-mode", real_mode},
    {"paging-off", paging_off},
    {"pae-beyond", pae_beyond},
};

constexpr int exit_usage = 2;

int explain() {
    print("usage: hostile BEHAVIOUR, one of\n");
    for (auto const& behaviour : behaviours)
        print("  ", behaviour.name, '\n');
    return exit_usage;
}

} // namespace

int run_kernel(Arguments arguments) {
    if (is_native()) {
        print("hostile needs a hypervisor around it\n");
        return exit_usage;
    }
    if (arguments.size() < 2) return explain();
    for (auto const& behaviour : behaviours) {
        if (behaviour.name != arguments[1]) continue;
        catch_traps();
        return behaviour.run(arguments.subspan(1));
    }
    return explain();
}

} // namespace twofold::guest
