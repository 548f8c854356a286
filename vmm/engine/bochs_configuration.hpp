// What Bochs is told: its configuration file and its debugger's commands.
#pragma once

#include <cstdint>
#include <string>

namespace twofold::vmm {

struct BochsMachine {
    std::uint64_t memory_bytes;
    /// One of `bochs-bin --help cpu`.
    std::string cpu_model;
    std::string bios;
    std::string vga_bios;
    /// Paths of the disk image, and of what the two serial ports and the log are written to.
    std::string disk;
    std::string console;
    std::string report;
    std::string log;
    /// Let `xchg %bx,%bx` stop the machine, so that the debugger's commands go on.
    bool magic_break = false;
    /// Path of a second disk, if there is one.
    std::string swap_disk = {};
};

std::string bochs_configuration(BochsMachine const& machine);

/// Runs to the end. With `windows`, memory references are printed from each odd stop by
/// `xchg %bx,%bx` to the next one, for that many pairs.
std::string bochs_debugger_commands(unsigned windows);

/// Runs to the end, printing each instruction and each access from the first time on that the
/// instruction at the linear address `entry` is the next.
std::string bochs_trace_commands(std::uint64_t entry);

} // namespace twofold::vmm
