// The kernel's own PIC, I/O APIC, timer and local APICs, and the lines that lead to them.
#pragma once

#include "kvm/interrupt_line.hpp"
#include "kvm/machine.hpp"

namespace twofold::vmm::kvm {

/// Gives the machine both interrupt controllers of a PC and its timer. Before its first processor:
/// that one, and all others, then get local APICs.
void make_interrupt_chips(Machine& machine);

/// Wires a processor's local APIC as firmware leaves it, and makes it known to the others. After
/// the last processor was made.
void connect_local_apic(Processor& processor, bool first);

/// What raises and lowers the lines of `machine`, which must outlive it.
SetInterruptLine interrupt_lines_of(Machine const& machine);

} // namespace twofold::vmm::kvm
