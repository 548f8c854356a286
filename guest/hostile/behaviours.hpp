// Everything that a guest should not do. Those that return live through it, and return 0 when the
// machine answered as the manual says; the others end with the guest.
#pragma once

#include "guest/kit/launch.hpp"

namespace twofold::guest {

// endings.cpp
int triple_fault(Arguments);
int loop(Arguments);
int loop_of_exits(Arguments);
int halt(Arguments);
int large_exit_code(Arguments);
int task_switch(Arguments);
int interrupt_storm(Arguments);

// floods.cpp
int flood_console(Arguments);
int flood_report(Arguments);
int flood_yields(Arguments);
int touch_everything(Arguments);

// beyond_memory.cpp
int read_beyond(Arguments);
int write_beyond(Arguments);
int execute_beyond(Arguments);
int tables_beyond(Arguments);
int descriptors_beyond(Arguments);
int stack_beyond(Arguments);
int string_output_beyond(Arguments);

// exceptions.cpp
int exceptions(Arguments);
// page_faults.cpp
int page_faults(Arguments);
// debug_exceptions.cpp
int debug_exceptions(Arguments);
// event_delivery.cpp
int event_delivery(Arguments);
// ring_3.cpp
int ring_3(Arguments);

// ports.cpp
int ports(Arguments);
// string_io.cpp
int string_io(Arguments);
// msrs.cpp
int msrs(Arguments);
// control_registers.cpp
int control_registers(Arguments);
// instructions.cpp
int vmx_instructions(Arguments);
int instructions(Arguments);
// hypercalls.cpp
int hypercalls(Arguments);

// garbage.cpp
int garbage(Arguments);
int garbage_tables(Arguments);

// processor_modes.cpp
int real_mode(Arguments);
int paging_off(Arguments);
int pae_beyond(Arguments);

} // namespace twofold::guest
