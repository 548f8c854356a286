// The answers to VM exits. Each returns whether the guest resumes; when not, `guest.stop` says why.
#pragma once

#include "hv/vm/guest.hpp"
#include "hv/vmx/registers.hpp"

namespace twofold::hv {

/// exit_handler.cpp: EPT.
bool handle_violation(Guest& guest);
bool handle_misconfiguration(Guest& guest);

/// port_access.cpp: IN, OUT, INS, OUTS.
bool handle_port_access(Guest& guest, Registers& registers);

/// msr_access.cpp
bool handle_msr_read(Guest& guest, Registers& registers);
bool handle_msr_write(Guest& guest, Registers& registers);

/// control_register_access.cpp
bool handle_control_register(Guest& guest, Registers& registers);

/// hypercalls.cpp. RIP is past the instruction already.
bool handle_hypercall(Guest& guest, Registers& registers);

/// upkeep_hypercalls.cpp: what guests ask for that concerns their memory as a whole.
bool merge_for(Guest& guest, Registers& registers);
bool working_set_for(Guest& guest, Registers& registers);
bool leaves_for(Guest& guest, Registers& registers);

/// other_exits.cpp
bool handle_exception(Guest& guest);
bool handle_rare_exit(Guest& guest, std::uint32_t reason);

/// scheduler.cpp: the preemption timer has run down.
bool handle_timer(Guest& guest, Registers const& registers);
/// Ends a probe of EPT. Sets the preemption timer to what is left of the guest's turn and time;
/// ends the guest when no time is.
bool look_at_clock(Guest& guest);

} // namespace twofold::hv
